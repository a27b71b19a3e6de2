#!/usr/bin/env python3
"""Writes guardian(1) from the help that the binary dumps as JSON on stdin: man.py VERSION < help.json > guardian.1"""
import json
import sys


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def flag(name):
    return ("-" if name["kind"] == "short" else "-" if name["kind"] == "longWithSingleDash" else "--") + name["name"]


def argument(entry):
    if entry["kind"] == "positional":
        return f"\\fI{escape(entry.get('valueName', 'value'))}\\fR"
    names = ", ".join(f"\\fB{escape(flag(name))}\\fR" for name in entry.get("names", []))
    return names + (f" \\fI{escape(entry['valueName'])}\\fR" if entry["kind"] == "option" and "valueName" in entry else "")


def command(entry, path):
    name = " ".join(path + [entry["commandName"]])
    if len(path) > 0:
        print(f".SS {escape(name)}")
        if entry.get("abstract"):
            print(escape(entry["abstract"]))
    if entry.get("discussion"):
        # What is longer than a line is filled; the rest stands as it is.
        print(".PP")
        for line in entry["discussion"].splitlines():
            print(".fi" if len(line) > 80 else ".nf")
            print(escape(line) or ".PP")
        print(".fi")
    for one in entry.get("arguments", []):
        if not one.get("shouldDisplay", True) or one.get("valueName") == "version":
            continue
        if {"name": "help", "kind": "long"} in one.get("names", []):
            continue
        print(".TP")
        print(argument(one))
        default = f" (default: {one['defaultValue']})" if one.get("defaultValue") else ""
        print(escape(one.get("abstract", "") + default) or "\\&")
    for sub in entry.get("subcommands", []):
        if sub["commandName"] != "help" and sub.get("shouldDisplay", True):
            command(sub, path + [entry["commandName"]])


help_ = json.load(sys.stdin)["command"]
print(f'.TH GUARDIAN 1 "" "guardian {escape(sys.argv[1])}" "User Commands"')
# Commands are copied from here: no stretched lines, no hyphens that are not theirs.
print(".ad l\n.nh")
print(f".SH NAME\nguardian \\- {escape(help_.get('abstract', ''))}")
print(".SH SYNOPSIS\n.B guardian\n\\fIcommand\\fR [\\fIoptions\\fR]")
print(".SH COMMANDS")
command(help_, [])
print(".SH EXIT STATUS")
for code, meaning in ((0, "ok"), (1, "failed"), (2, "usage"), (3, "not found"), (4, "store unavailable"), (5, "refused")):
    print(f".TP\n.B {code}\n{meaning}")
print(".SH ENVIRONMENT\nEvery key of the configuration as GUARDIAN_KEY, dots as underscores: GUARDIAN_DATA_DIR, GUARDIAN_UPSTREAM_URL.")
