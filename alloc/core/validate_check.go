package core

import (
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// ValidateHealthCheck applies the rules for health checks.
func ValidateHealthCheck(h *mesos.HealthCheck) error {
	switch {
	case h.Type == nil:
		return faultf("HealthCheck must specify 'type'")
	case h.GetType() == mesos.HealthCheck_COMMAND:
		if err := validateCheckCommand("command", h.Command); err != nil {
			return err
		}
	case h.GetType() == mesos.HealthCheck_HTTP:
		if h.Http == nil {
			return faultf("expecting 'http' to be set for HTTP health check")
		}
		if s := h.Http.Scheme; s != nil && *s != "http" && *s != "https" {
			return faultf("unsupported HTTP health check scheme: got '%s', want http or https", *s)
		}
		if err := validateCheckPath(h.Http.Path); err != nil {
			return err
		}
	case h.GetType() == mesos.HealthCheck_TCP:
		if h.Tcp == nil {
			return faultf("expecting 'tcp' to be set for TCP health check")
		}
	default:
		return faultf("'%v' is not a valid health check type", h.GetType())
	}
	return validateSeconds(map[string]*float64{
		"delay_seconds": h.DelaySeconds, "grace_period_seconds": h.GracePeriodSeconds,
		"interval_seconds": h.IntervalSeconds, "timeout_seconds": h.TimeoutSeconds,
	})
}

// ValidateCheck applies the rules for general checks.
func ValidateCheck(h *mesos.CheckInfo) error {
	switch {
	case h.Type == nil:
		return faultf("CheckInfo must specify 'type'")
	case h.GetType() == mesos.CheckInfo_COMMAND:
		if h.Command == nil {
			return faultf("expecting 'command' to be set for COMMAND check")
		}
		if err := validateCheckCommand("command", h.Command.Command); err != nil {
			return err
		}
	case h.GetType() == mesos.CheckInfo_HTTP:
		if h.Http == nil {
			return faultf("expecting 'http' to be set for HTTP check")
		}
		if err := validateCheckPath(h.Http.Path); err != nil {
			return err
		}
	case h.GetType() == mesos.CheckInfo_TCP:
		if h.Tcp == nil {
			return faultf("expecting 'tcp' to be set for TCP check")
		}
	default:
		return faultf("'%v' is not a valid check type", h.GetType())
	}
	return validateSeconds(map[string]*float64{
		"delay_seconds": h.DelaySeconds, "interval_seconds": h.IntervalSeconds, "timeout_seconds": h.TimeoutSeconds,
	})
}

func validateCheckCommand(field string, c *mesos.CommandInfo) error {
	if c == nil {
		return faultf("expecting '%s' to be set for COMMAND check", field)
	}
	if c.Value == nil {
		if c.GetShell() {
			return faultf("COMMAND check must contain a shell command")
		}
		return faultf("COMMAND check must contain an executable path")
	}
	if err := ValidateCommand(c); err != nil {
		return faultf("check's command is invalid: %w", err)
	}
	return nil
}

func validateCheckPath(path *string) error {
	if path != nil && !strings.HasPrefix(*path, "/") {
		return faultf("the path '%s' of HTTP check must start with '/'", *path)
	}
	return nil
}

func validateSeconds(fields map[string]*float64) error {
	for _, name := range sortedKeys(fields) {
		if v := fields[name]; v != nil && !(*v >= 0) {
			return faultf("expecting '%s' to be non-negative, got %v", name, *v)
		}
	}
	return nil
}

// inferHealthCheckType fills in the type that old clients leave out.
func inferHealthCheckType(h *mesos.HealthCheck) *mesos.HealthCheck {
	if h == nil || h.Type != nil || (h.Command == nil) == (h.Http == nil) {
		return h
	}
	next := &mesos.HealthCheck{
		DelaySeconds: h.DelaySeconds, IntervalSeconds: h.IntervalSeconds, TimeoutSeconds: h.TimeoutSeconds,
		ConsecutiveFailures: h.ConsecutiveFailures, GracePeriodSeconds: h.GracePeriodSeconds,
		Command: h.Command, Http: h.Http, Tcp: h.Tcp,
	}
	if h.Command != nil {
		next.Type = mesos.HealthCheck_COMMAND.Enum()
	} else {
		next.Type = mesos.HealthCheck_HTTP.Enum()
	}
	return next
}
