#!/bin/sh
# Stands for the C compiler and the archiver of a system whose own are not here: a type check links
# nothing, so every object file and archive may be empty. `-E` passes its input through.
out= expand= last=
for arg in "$@"; do
    case $last in -o) out=$arg ;; esac
    case $arg in
        -E) expand=1 ;;
        *.a) out=${out:-$arg} ;;
    esac
    last=$arg
done
if [ -n "$expand" ]; then
    if [ -n "$out" ]; then cat "$last" >"$out"; else cat "$last"; fi
elif [ -n "$out" ]; then
    : >"$out"
fi
