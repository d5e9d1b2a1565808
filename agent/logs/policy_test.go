package logs

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

func environment(pairs ...string) *mesos.Environment {
	env := &mesos.Environment{}
	for i := 0; i < len(pairs); i += 2 {
		env.Variables = append(env.Variables, &mesos.Environment_Variable{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return env
}

func TestTasksChangeTheirPolicies(t *testing.T) {
	p, err := Defaults().For(environment("PATH", "/bin", "CONTAINER_LOGGER_MAX_STDOUT_SIZE", "64KB",
		"CONTAINER_LOGGER_LOGROTATE_STDERR_OPTIONS", "compress\n  rotate 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Policies{Stdout: Policy{64 << 10, 9}, Stderr: Policy{10 << 20, 3}}
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	if p, err := Defaults().For(nil); err != nil || p != Defaults() {
		t.Errorf("without an environment: got %+v, %v", p, err)
	}
}

func TestFaultyVariablesChangeNothing(t *testing.T) {
	for _, c := range [][3]string{
		{"CONTAINER_LOGGER_MAX_STDOUT_SIZE", "1KB", "want a size of at least 4KB"},
		{"CONTAINER_LOGGER_MAX_STDERR_SIZE", "much", "want a size of at least 4KB"},
		{"CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "rotate -1", "want rotate and a number"},
		{"CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "rotate", "want rotate and a number"},
		{"CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "rotate 99999", "want rotate and a number"},
	} {
		p, err := Defaults().For(environment(c[0], c[1]))
		if err == nil || !strings.Contains(err.Error(), c[0]) || !strings.Contains(err.Error(), c[2]) || p != Defaults() {
			t.Errorf("%s=%s: got %+v, %v", c[0], c[1], p, err)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	p := Defaults()
	p.Stderr.MaxBytes = 100
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "max_stderr_size: got 100 bytes") {
		t.Errorf("got %v", err)
	}
}
