"""The completion scripts in the shells they are for."""

import os
import shutil
import subprocess
import tempfile

import cases
from fake_controller import adit


def shell_of(name):
    path = shutil.which(name)
    if path is None:
        raise cases.Skip(f"{name} is not installed")
    return path


def bash_words(*words):
    """What bash offers for the last of `words`."""
    script = adit("completion", "bash").out
    quoted = " ".join(f"'{word}'" for word in words)
    run = (f"{script}\nCOMP_WORDS=(adit {quoted})\nCOMP_CWORD={len(words)}\n_adit\n"
           "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run([shell_of("bash"), "--norc", "-c", run], capture_output=True, text=True,
                          check=True)
    return done.stdout.splitlines()


def test_bash():
    assert bash_words("ho") == ["host"]
    assert bash_words("--socket", "/x", "host", "") == ["add", "rm", "-h", "--help"]
    assert bash_words("host", "add", "app.example.com", "--si") == ["--site"]
    assert bash_words("status", "-o", "") == ["table", "wide", "json", "yaml", "name"]
    assert bash_words("completion", "z") == ["zsh"]
    assert bash_words("site", "config", "home", "--format", "") == ["wg-quick"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sites.yaml")
        open(path, "w").close()
        assert bash_words("apply", "-f", path[:-3]) == [path]


def test_bash_offers_file_names_as_they_are():
    with tempfile.TemporaryDirectory() as folder:
        names = ["my sites.yaml", "my *.yaml", "my $HOME.yaml"]
        for name in names:
            open(os.path.join(folder, name), "w").close()
        offered = bash_words("apply", "-f", os.path.join(folder, "my"))
        assert sorted(offered) == sorted(os.path.join(folder, name) for name in names), offered


def test_zsh():
    zsh = shell_of("zsh")
    script = adit("completion", "zsh").out
    # compadd only works in a real completion; one of our own shows what it would be given.
    def words(*typed):
        quoted = " ".join(f"'{word}'" for word in typed)
        run = (f"compdef() {{ }}\ncompadd() {{ shift; print -l -- \"$@\" }}\n{script}\n"
               f"words=(adit {quoted})\nCURRENT={len(typed) + 1}\n_adit\n")
        done = subprocess.run([zsh, "-f", "-c", run], capture_output=True, text=True, check=True)
        return done.stdout.split()
    assert "host" in words("")
    assert words("host", "")[:2] == ["add", "rm"]
    assert words("status", "-o", "") == ["table", "wide", "json", "yaml", "name"]


def test_fish():
    fish = shell_of("fish")
    def words(line):
        run = f"{adit('completion', 'fish').out}\ncomplete --do-complete '{line}'"
        done = subprocess.run([fish, "--no-config", "-c", run], capture_output=True, text=True,
                              check=True)
        return [entry.split("\t")[0] for entry in done.stdout.splitlines()]
    assert words("adit ho") == ["host"]
    assert words("adit host ") == ["add", "rm"]
    assert words("adit completion z") == ["zsh"]


if __name__ == "__main__":
    cases.run(globals())
