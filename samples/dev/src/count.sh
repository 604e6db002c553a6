#!/bin/sh
# Counts the words on its standard input.
exec tr -cs '[:alnum:]' '\n' | sort | uniq -c | sort -rn
