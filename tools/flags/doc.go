// Package flags gives the program's commands their options the way a Mesos
// operator expects them: Mesos' names (dashes and underscores mean the same),
// `--flag=value`, `--no-flag` for booleans, durations such as 15secs, and the same option
// from the environment (CAPROCK_<FLAG>) or a TOML file (--config).
//
// Precedence, highest first: command line, environment, the command's own table
// of the file ([alloc], [agent], …), the file's top level, the default.
//
// It sits on pflag (through cobra) and adds nothing a command could do itself
// except this resolution; what a flag means belongs to the command.
package flags
