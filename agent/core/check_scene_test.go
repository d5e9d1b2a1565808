package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// addChecks gives a task of a scenario its checks.
func (s *scene) addChecks(info *mesos.TaskInfo, a map[string]string) {
	command := &mesos.CommandInfo{Value: new("probe"), Environment: &mesos.Environment{
		Variables: []*mesos.Environment_Variable{{Name: new("PROBE"), Value: new("1")}},
	}}
	if kind, ok := a["health"]; ok {
		kind, v6 := strings.CutSuffix(kind, "6")
		protocol := mesos.NetworkInfo_IPv4
		if v6 {
			protocol = mesos.NetworkInfo_IPv6
		}
		h := &mesos.HealthCheck{
			Type:         mesos.HealthCheck_Type(mesos.HealthCheck_Type_value[kind]).Enum(),
			DelaySeconds: s.seconds(a["delay"]), IntervalSeconds: s.seconds(a["interval"]),
			TimeoutSeconds: s.seconds(a["timeout"]), GracePeriodSeconds: s.seconds(a["graceperiod"]),
		}
		if n, err := strconv.ParseUint(a["failures"], 10, 32); err == nil {
			h.ConsecutiveFailures = new(uint32(n))
		}
		switch h.GetType() {
		case mesos.HealthCheck_COMMAND:
			h.Command = command
		case mesos.HealthCheck_HTTP:
			h.Http = &mesos.HealthCheck_HTTPCheckInfo{Port: new(uint32(80)), Path: new("/health"), Protocol: protocol.Enum()}
			if v6 {
				h.Http.Scheme = new("https")
			}
		case mesos.HealthCheck_TCP:
			h.Tcp = &mesos.HealthCheck_TCPCheckInfo{Port: new(uint32(80)), Protocol: protocol.Enum()}
		}
		info.HealthCheck = h
	}
	if kind, ok := a["check"]; ok {
		h := &mesos.CheckInfo{
			Type:         mesos.CheckInfo_Type(mesos.CheckInfo_Type_value[kind]).Enum(),
			DelaySeconds: s.seconds(a["delay"]), IntervalSeconds: s.seconds(a["interval"]), TimeoutSeconds: s.seconds(a["timeout"]),
		}
		switch h.GetType() {
		case mesos.CheckInfo_COMMAND:
			h.Command = &mesos.CheckInfo_Command{Command: command}
		case mesos.CheckInfo_HTTP:
			h.Http = &mesos.CheckInfo_Http{Port: new(uint32(80))}
		case mesos.CheckInfo_TCP:
			h.Tcp = &mesos.CheckInfo_Tcp{Port: new(uint32(80))}
		}
		info.Check = h
	}
}

func (s *scene) seconds(text string) *float64 {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return new(d.Seconds())
}

func (s *scene) result(rest []string) Command {
	run, err := strconv.ParseUint(rest[1], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	r := Checked{ID: s.id(rest[0]), Run: run}
	if r.Code, err = strconv.Atoi(rest[2]); err != nil {
		r.Failure = rest[2]
	}
	return r
}

func (s *scene) describeCheck(e Check) string {
	text := fmt.Sprintf("check %d of %s within %s:", e.Run, s.names[e.ID], time.Duration(e.Timeout))
	switch {
	case e.Command != nil:
		text += fmt.Sprintf(" run %q as %s", e.Command.Args, e.Command.User)
		for _, v := range e.Command.Env {
			if strings.HasPrefix(v, "PROBE=") || strings.HasPrefix(v, "MESOS_EXECUTOR_ID=") {
				text += " " + v
			}
		}
	case e.URL != "":
		text += " get " + e.URL
		if e.Unverified {
			text += " unverified"
		}
	default:
		text += " connect to " + e.Address
	}
	return text
}

func describeHealth(st *mesos.TaskStatus) string {
	text := ""
	if st.Healthy != nil {
		text += fmt.Sprintf(" healthy=%t", st.GetHealthy())
	}
	switch cs := st.CheckStatus; {
	case cs == nil:
	case cs.Command != nil && cs.Command.ExitCode != nil:
		text += fmt.Sprintf(" check=COMMAND:%d", cs.Command.GetExitCode())
	case cs.Http != nil && cs.Http.StatusCode != nil:
		text += fmt.Sprintf(" check=HTTP:%d", cs.Http.GetStatusCode())
	case cs.Tcp != nil && cs.Tcp.Succeeded != nil:
		text += fmt.Sprintf(" check=TCP:%t", cs.Tcp.GetSucceeded())
	default:
		text += fmt.Sprintf(" check=%s:empty", cs.GetType())
	}
	return text
}
