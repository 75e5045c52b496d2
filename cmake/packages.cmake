# The Debian packages adit-relay (relay, its unit) and adit (controller, command line, their units), made by CPack:
#   cmake --build build/release --target packages       -> build/release/packages/*.deb     (or deploy/package.sh)
# What a system needs besides the programs is installed for the packages only: `cmake --install` leaves it out.
include(cmake/manual.cmake)
set(ADIT_DEB_RELEASE 1 CACHE STRING "The packages' version is that of the project, '-' and this")
set(ADIT_DEB_VERSION ${PROJECT_VERSION}-${ADIT_DEB_RELEASE})
set(CPACK_PACKAGE_CONTACT "adit developers <adit@example.com>")

# adit_install(PACKAGE FOLDER FILE... [RENAME NAME] [PROGRAM]): a file of the packages; FOLDER is absolute.
function(adit_install package folder)
  cmake_parse_arguments(ARG "PROGRAM" "RENAME" "" ${ARGN})
  set(kind FILES)
  if(ARG_PROGRAM)
    set(kind PROGRAMS)
  endif()
  set(rename "")
  if(ARG_RENAME)
    set(rename RENAME ${ARG_RENAME})
  endif()
  install(${kind} ${ARG_UNPARSED_ARGUMENTS} DESTINATION ${folder} ${rename} COMPONENT ${package} EXCLUDE_FROM_ALL)
endfunction()

# What Debian asks for in /usr/share/doc. SOURCE_DATE_EPOCH makes it reproducible.
set(docs ${PROJECT_BINARY_DIR}/packages/doc)
string(TIMESTAMP ADIT_DEB_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(deploy/debian/changelog.in ${docs}/changelog.Debian @ONLY)
configure_file(CHANGELOG.md ${docs}/changelog COPYONLY)
foreach(file changelog.Debian changelog)
  execute_process(COMMAND gzip -9nf ${docs}/${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
foreach(package adit-relay adit)
  adit_install(${package} /usr/share/doc/${package} ${docs}/changelog.Debian.gz ${docs}/changelog.gz
    ${PROJECT_SOURCE_DIR}/deploy/debian/copyright)
endforeach()

adit_install(adit-relay /usr/share/man/man8 ${ADIT_MANUAL}/adit-relay.8.gz)
adit_install(adit /usr/share/man/man8 ${ADIT_MANUAL}/adit-controller.8.gz)
adit_install(adit /usr/share/man/man1 ${ADIT_MANUAL}/adit.1.gz)
adit_install(adit /usr/share/man/man5 ${ADIT_MANUAL}/adit.yaml.5.gz)
adit_install(adit /usr/share/bash-completion/completions ${ADIT_MANUAL}/completion.bash RENAME adit)
adit_install(adit /usr/share/zsh/vendor-completions ${ADIT_MANUAL}/completion.zsh RENAME _adit)
adit_install(adit /usr/share/fish/vendor_completions.d ${ADIT_MANUAL}/completion.fish RENAME adit.fish)

set(deploy ${PROJECT_SOURCE_DIR}/deploy)
set(units /usr/lib/systemd/system)
adit_install(adit-relay ${units} ${deploy}/systemd/adit-relay.service)
adit_install(adit-relay /usr/lib/sysusers.d ${deploy}/sysusers.d/adit-relay.conf)
adit_install(adit-relay /usr/lib/sysctl.d ${deploy}/sysctl.d/60-adit-relay.conf)
adit_install(adit-relay /etc/needrestart/restart.d ${deploy}/needrestart/adit-relay.service PROGRAM)

adit_install(adit ${units} ${deploy}/systemd/adit-controller.service ${deploy}/systemd/adit-wireguard.service)
adit_install(adit /usr/lib/sysusers.d ${deploy}/sysusers.d/adit.conf)
adit_install(adit /usr/lib/tmpfiles.d ${deploy}/tmpfiles.d/adit.conf)
adit_install(adit /usr/lib/adit ${deploy}/lib/needs-userspace-wireguard PROGRAM)
adit_install(adit /etc/adit ${deploy}/controller.yaml)

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL adit-relay adit)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_SET_DESTDIR ON)  # else what goes to /etc would be installed on this machine
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_VENDOR adit)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE ${ADIT_DEB_RELEASE})
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)

foreach(package adit-relay adit)
  string(TOUPPER ${package} name)
  set(CPACK_DEBIAN_${name}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${name}_PACKAGE_CONTROL_EXTRA "")
  foreach(script postinst prerm postrm conffiles)
    list(APPEND CPACK_DEBIAN_${name}_PACKAGE_CONTROL_EXTRA ${deploy}/debian/${package}/${script})
  endforeach()
endforeach()

# Of a description the first line is the synopsis; CPack would put the project's in front. systemd-sysusers and -tmpfiles come with systemd, or without one in an image.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_COMPONENT_ADIT-RELAY_DESCRIPTION "passes TLS connections on to homes, unread
The public entrance of adit: it reads the server name of a TLS connection and
forwards the bytes to the target that the route table names. It has no key, no
certificate and no name lookup. The package adit tells it the route table.")
set(CPACK_DEBIAN_ADIT-RELAY_PACKAGE_DEPENDS "systemd | systemd-sysusers")
set(CPACK_COMPONENT_ADIT_DESCRIPTION "public entrance for homes behind CGNAT, with TLS ending at home
The controller keeps the WireGuard interface, its peers and the relay's route
table as they are wanted; the command line tells it what is wanted. At home any
stock WireGuard is enough.")
# adit-relay: the controller's unit joins its group. iproute2: asks whether the kernel makes WireGuard interfaces.
set(CPACK_DEBIAN_ADIT_PACKAGE_DEPENDS
  "adit-relay (>= ${PROJECT_VERSION}), iproute2, systemd | systemd-sysusers, systemd | systemd-tmpfiles")
# Not recommended, as kernels have WireGuard: wireguard-go is for those without (deploy/install.sh looks), and
# wireguard-tools for people who want to see with `wg show` what the controller did.
set(CPACK_DEBIAN_ADIT_PACKAGE_SUGGESTS "wireguard-go, wireguard-tools")
include(CPack)

# Unlike CPack's target `package` it builds no test.
add_custom_target(packages
  COMMAND ${CMAKE_CPACK_COMMAND} --config ${PROJECT_BINARY_DIR}/CPackConfig.cmake
  DEPENDS adit-relay adit-controller adit manual
  WORKING_DIRECTORY ${PROJECT_BINARY_DIR} USES_TERMINAL VERBATIM)
