package logs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/units"
)

// Policy bounds one file.
type Policy struct {
	// MaxBytes may be exceeded until the next look at the file.
	MaxBytes int64
	// Keep is how many old files stay beside it.
	Keep int
}

// Policies bound the two files of a task.
type Policies struct {
	Stdout, Stderr Policy
}

// Defaults are those of Mesos' logger: 10 MB and, its logrotate being told nothing,
// one old file would stay; nine are what its documentation sets.
func Defaults() Policies {
	p := Policy{MaxBytes: 10 << 20, Keep: 9}
	return Policies{Stdout: p, Stderr: p}
}

// variables that change a task's policies, as Mesos' logger reads them.
const (
	prefix        = "CONTAINER_LOGGER_"
	sizeSuffix    = "_SIZE"        // CONTAINER_LOGGER_MAX_STDOUT_SIZE=5MB
	optionsInfix  = "LOGROTATE_"   // CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS=rotate 3
	optionsSuffix = "_OPTIONS"     //
	keepOption    = "rotate"       // the one option of logrotate that has a meaning here
	smallest      = int64(4 << 10) // a page, as Mesos demands
	mostKept      = 1000           // more would be slow to shift
)

// For returns the policies of a task whose environment is env. A variable that
// cannot be understood is a fault, and leaves its policy as it was.
func (p Policies) For(env *mesos.Environment) (Policies, error) {
	var fault error
	for _, v := range env.GetVariables() {
		name, ok := strings.CutPrefix(v.GetName(), prefix)
		if !ok {
			continue
		}
		for which, policy := range map[string]*Policy{"STDOUT": &p.Stdout, "STDERR": &p.Stderr} {
			var err error
			switch name {
			case "MAX_" + which + sizeSuffix:
				err = policy.setSize(v.GetValue())
			case optionsInfix + which + optionsSuffix:
				err = policy.setOptions(v.GetValue())
			}
			if err != nil {
				fault = fmt.Errorf("%s: %w", v.GetName(), err)
			}
		}
	}
	return p, fault
}

func (p *Policy) setSize(text string) error {
	n, err := units.ParseBytes(text)
	if err != nil || n < smallest {
		return fmt.Errorf("got %q, want a size of at least 4KB, such as 64KB or 10MB", text)
	}
	p.MaxBytes = n
	return nil
}

// setOptions reads the text of a logrotate configuration, of which only "rotate N"
// has a meaning here: the agent rotates, not logrotate.
func (p *Policy) setOptions(text string) error {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != keepOption {
			continue
		}
		if len(words) == 2 {
			if n, err := strconv.Atoi(words[1]); err == nil && n >= 0 && n <= mostKept {
				p.Keep = n
				continue
			}
		}
		return fmt.Errorf("got %q, want rotate and a number up to %d", strings.TrimSpace(line), mostKept)
	}
	return nil
}

// Validate checks what an operator set.
func (p Policies) Validate() error {
	for which, policy := range map[string]Policy{"stdout": p.Stdout, "stderr": p.Stderr} {
		if policy.MaxBytes < smallest {
			return fmt.Errorf("max_%s_size: got %d bytes, want at least %d", which, policy.MaxBytes, smallest)
		}
		if policy.Keep < 0 || policy.Keep > mostKept {
			return fmt.Errorf("kept files of %s: got %d, want 0 to %d", which, policy.Keep, mostKept)
		}
	}
	return nil
}
