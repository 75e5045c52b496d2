# Manual pages and shell completions, made by the programs that they are about; adit.yaml(5) is written by hand.
# Target `manual`; only the packages install them (cmake/packages.cmake), as ADIT_MANUAL/{adit.1,adit.yaml.5,adit-controller.8,adit-relay.8}.gz and
# ADIT_MANUAL/completion.{bash,zsh,fish}.
set(ADIT_MANUAL ${PROJECT_BINARY_DIR}/packages/manual)
file(MAKE_DIRECTORY ${ADIT_MANUAL})
string(TIMESTAMP ADIT_MAN_DATE "%Y-%m-%d" UTC)
set(made "")

# adit_manual_file(NAME COMMAND...): NAME comes out of the commands. One after the other: of a pipe only the last
# one's failure would be seen.
function(adit_manual_file name)
  add_custom_command(OUTPUT ${ADIT_MANUAL}/${name} ${ARGN} WORKING_DIRECTORY ${ADIT_MANUAL}
    DEPENDS adit-manual adit adit-controller adit-relay VERBATIM)
  set(made ${made} ${ADIT_MANUAL}/${name} PARENT_SCOPE)
endfunction()

adit_manual_file(adit.1.gz
  COMMAND adit-manual adit ${ADIT_MAN_DATE} > adit.1
  COMMAND gzip -9nf adit.1)
foreach(daemon adit-controller adit-relay)
  adit_manual_file(${daemon}.8.gz
    COMMAND ${daemon} --help > ${daemon}.help
    COMMAND adit-manual ${daemon} ${ADIT_MAN_DATE} < ${daemon}.help > ${daemon}.8
    COMMAND gzip -9nf ${daemon}.8)
endforeach()
foreach(shell bash zsh fish)
  adit_manual_file(completion.${shell} COMMAND adit completion ${shell} > completion.${shell})
endforeach()
add_custom_target(manual DEPENDS ${made})

configure_file(deploy/man/adit.yaml.5.in ${ADIT_MANUAL}/adit.yaml.5 @ONLY)
execute_process(COMMAND gzip -9nf ${ADIT_MANUAL}/adit.yaml.5 COMMAND_ERROR_IS_FATAL ANY)
