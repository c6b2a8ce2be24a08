#!/bin/sh
# The tests, natively: everything but cohere.c, which asks and listens and has nothing else in it. Takes the folder with
# the bindings, which building the plugin makes (build/bindings), and a folder to work in.
set -eu
bindings=$1
work=$2
here=$(dirname "$0")
sources=$(ls "$here"/../src/*.c | grep -v /cohere.c)
parser="$here"/../src/yyjson/yyjson.c
# What the bindings import exists only in WebAssembly; nothing here calls it, so it is dropped.
case $(uname) in
Darwin) drop="-Wl,-dead_strip,-undefined,dynamic_lookup" ;;
*) drop="-Wl,--gc-sections" ;;
esac
checks="-std=c17 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -ffunction-sections -fdata-sections"
"${CC:-cc}" $checks -w -c "$bindings/provider.c" -o "$work/bindings.o"
"${CC:-cc}" $checks -w -c "$parser" -o "$work/yyjson.o"
"${CC:-cc}" $checks -Wall -Wextra "$drop" -I"$bindings" -I"$here/../src" -I"$here" \
    $sources "$here"/*.c "$work/bindings.o" "$work/yyjson.o" -o "$work/tests"
"$work/tests"
