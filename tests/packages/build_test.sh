#!/bin/bash
# build_test.sh: makes the packages of the build folder $ADIT_BUILD_DIR, which other tests look at.
set -euo pipefail
for program in dpkg-shlibdeps file gzip; do
  command -v $program >/dev/null || { echo "skipped: no $program" && exit 77; }
done
rm -f "$ADIT_BUILD_DIR"/packages/*.deb
cmake --build "$ADIT_BUILD_DIR" --target packages
