"""`script/setup`: make the environment that the other commands run in, and print its directory."""

import argparse
import sys

from granite.cli import environment

if __name__ == "__main__":
    description = "Make the environment that the other commands run in, and print its directory."
    argparse.ArgumentParser(prog="script/setup", description=description).parse_args()
    environment.enter()
    print(sys.prefix)
