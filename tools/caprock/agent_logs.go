package main

import (
	"github.com/spf13/pflag"

	"github.com/caprock/caprock/agent/logs"
	"github.com/caprock/caprock/tools/flags"
)

// mesosLogger is the name of the module that rotates in Mesos.
const mesosLogger = "org_apache_mesos_LogrotateContainerLogger"

// logsFlags say how much of what tasks print is kept.
type logsFlags struct {
	logger string
	bounds logs.Policies
	keep   int
}

func (l *logsFlags) flags(f *pflag.FlagSet) {
	l.bounds = logs.Defaults()
	flags.ChoiceVar(f, &l.logger, "container-logger", "sandbox", map[string]string{
		"sandbox": "sandbox", "rotate": "rotate", mesosLogger: "rotate",
	}, "sandbox lets tasks print without bounds; rotate keeps stdout and stderr within a size")
	flags.BytesVar(f, &l.bounds.Stdout.MaxBytes, "max-stdout-size", l.bounds.Stdout.MaxBytes, "size at which stdout is rotated; a task sets its own by CONTAINER_LOGGER_MAX_STDOUT_SIZE")
	flags.BytesVar(f, &l.bounds.Stderr.MaxBytes, "max-stderr-size", l.bounds.Stderr.MaxBytes, "size at which stderr is rotated; a task sets its own by CONTAINER_LOGGER_MAX_STDERR_SIZE")
	f.IntVar(&l.keep, "rotated-files", l.bounds.Stdout.Keep, "old files of stdout and of stderr that are kept; a task sets its own by CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS=\"rotate 3\"")
}

// policies is nil where tasks print without bounds.
func (l *logsFlags) policies() *logs.Policies {
	if l.logger == "sandbox" {
		return nil
	}
	p := l.bounds
	p.Stdout.Keep, p.Stderr.Keep = l.keep, l.keep
	return &p
}
