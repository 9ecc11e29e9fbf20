//! The command line: arguments, output and exit codes. Every decision is the agent's.
