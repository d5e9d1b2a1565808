package seccomp

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Profile is what a file says, as far as it is about this machine.
type Profile struct {
	fallback uint32
	// refuses: fallback is an error that nobody has chosen.
	refuses bool
	rules   []rule
	// compat are the further architectures whose calls are looked at.
	ia32, x32 bool
	// Unknown are names of calls that no architecture of this machine has.
	Unknown []string
}

// rule is one entry of "syscalls".
type rule struct {
	names  []string
	action uint32
	args   []comparison
	// needs and unless are capabilities, as masks.
	needs, unless uint64
}

// comparison is one entry of "args".
type comparison struct {
	index         uint32
	op            string
	value, second uint64
}

const maxProfileBytes = 1 << 20

// Load reads a profile. What is wrong in it is told with file and line.
func Load(file string) (*Profile, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("seccomp: profile: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("seccomp: profile: %s is not a regular file", file)
	case info.Size() > maxProfileBytes:
		return nil, fmt.Errorf("seccomp: profile: %s has %d bytes, want at most %d", file, info.Size(), maxProfileBytes)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("seccomp: profile: %w", err)
	}
	return Parse(file, text)
}

// Parse is Load of a text that was read from file.
func Parse(file string, text []byte) (*Profile, error) {
	document, err := parseDocument(text)
	if err != nil {
		return nil, at(file, text, err)
	}
	p := &Profile{}
	if err := p.read(document); err != nil {
		return nil, at(file, text, err)
	}
	if filter := p.Filter(^uint64(0)); len(filter) > maxInstructions {
		return nil, fmt.Errorf("seccomp: %s: the profile takes %d instructions, and the kernel %d", file, len(filter), maxInstructions)
	}
	return p, nil
}

func (p *Profile) read(document node) error {
	fields, err := document.members()
	if err != nil {
		return err
	}
	var action, errno, syscalls *node
	for i := range fields {
		f := &fields[i]
		switch f.name {
		case "defaultAction":
			action = &f.node
		case "defaultErrnoRet":
			errno = &f.node
		case "archMap":
			err = p.readArchMap(f.node)
		case "architectures":
			err = p.readArchitectures(f.node)
		case "syscalls":
			syscalls = &f.node
		case "flags", "comment":
		default:
			err = f.fault("got a field %q, want defaultAction, defaultErrnoRet, archMap, architectures, flags or syscalls", f.name)
		}
		if err != nil {
			return err
		}
	}
	if action == nil {
		return document.fault("got no defaultAction")
	}
	if p.fallback, err = parseAction(*action, errno); err != nil {
		return err
	}
	p.refuses = p.fallback == deny(unix.EPERM) && errno == nil
	if syscalls == nil {
		return document.fault("got no syscalls")
	}
	return p.readRules(*syscalls)
}

func (p *Profile) readRules(n node) error {
	list, err := n.list()
	if err != nil {
		return err
	}
	unknown := map[string]bool{}
	for _, one := range list {
		r, here, err := readRule(one)
		if err != nil {
			return err
		}
		if !here {
			continue
		}
		p.rules = append(p.rules, r)
		for _, name := range r.names {
			if !known(name) && !unknown[name] {
				unknown[name] = true
				p.Unknown = append(p.Unknown, name)
			}
		}
	}
	return nil
}

// readRule reads an entry of "syscalls"; here is false if it is for another
// architecture or kernel.
func readRule(n node) (r rule, here bool, err error) {
	fields, err := n.members()
	if err != nil {
		return r, false, err
	}
	var action, errno *node
	here = true
	for i := range fields {
		f := &fields[i]
		holds := true
		switch f.name {
		case "names":
			r.names, err = f.texts()
		case "name":
			var name string
			name, err = f.text()
			r.names = []string{name}
		case "action":
			action = &f.node
		case "errnoRet":
			errno = &f.node
		case "args":
			r.args, err = readArgs(f.node)
		case "includes":
			r.needs, holds, err = readCondition(f.node, true)
		case "excludes":
			r.unless, holds, err = readCondition(f.node, false)
		case "comment":
		default:
			err = f.fault("got a field %q of a rule, want names, action, errnoRet, args, includes or excludes", f.name)
		}
		if err != nil {
			return r, false, err
		}
		here = here && holds
	}
	switch {
	case len(r.names) == 0:
		return r, false, n.fault("got a rule without names of system calls")
	case action == nil:
		return r, false, n.fault("got a rule for %s without an action", r.names[0])
	}
	r.action, err = parseAction(*action, errno)
	return r, here, err
}

// actions by their names of libseccomp.
var actions = map[string]uint32{
	"SCMP_ACT_KILL": unix.SECCOMP_RET_KILL_THREAD, "SCMP_ACT_KILL_THREAD": unix.SECCOMP_RET_KILL_THREAD,
	"SCMP_ACT_KILL_PROCESS": unix.SECCOMP_RET_KILL_PROCESS, "SCMP_ACT_TRAP": unix.SECCOMP_RET_TRAP,
	"SCMP_ACT_ERRNO": unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM), "SCMP_ACT_TRACE": unix.SECCOMP_RET_TRACE,
	"SCMP_ACT_ALLOW": unix.SECCOMP_RET_ALLOW, "SCMP_ACT_LOG": unix.SECCOMP_RET_LOG,
}

const maxErrno = 4095

func parseAction(n node, errno *node) (uint32, error) {
	name, err := n.text()
	if err != nil {
		return 0, err
	}
	action, ok := actions[name]
	if !ok {
		return 0, n.fault("got action %q, want SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _KILL_THREAD, _LOG, _TRACE or _TRAP", name)
	}
	if errno == nil || errno.value == nil {
		return action, nil
	}
	number, err := errno.number(maxErrno)
	if err != nil {
		return 0, err
	}
	if kind := action &^ uint32(unix.SECCOMP_RET_DATA); kind == unix.SECCOMP_RET_ERRNO || kind == unix.SECCOMP_RET_TRACE {
		return kind | uint32(number), nil
	}
	return 0, errno.fault("got an error number for action %s, which has none", name)
}

// comparisons by their names of libseccomp.
var comparisons = map[string]bool{"SCMP_CMP_NE": true, "SCMP_CMP_LT": true, "SCMP_CMP_LE": true, "SCMP_CMP_EQ": true,
	"SCMP_CMP_GE": true, "SCMP_CMP_GT": true, "SCMP_CMP_MASKED_EQ": true}

func readArgs(n node) ([]comparison, error) {
	list, err := n.list()
	if err != nil {
		return nil, err
	}
	if len(list) > maxArgs {
		return nil, n.fault("got %d comparisons, want at most %d", len(list), maxArgs)
	}
	var out []comparison
	for _, one := range list {
		c, err := readComparison(one)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// maxArgs is how many arguments a call has.
const maxArgs = 6

func readComparison(n node) (c comparison, err error) {
	fields, err := n.members()
	if err != nil {
		return c, err
	}
	seen := map[string]bool{}
	for _, f := range fields {
		seen[f.name] = true
		switch f.name {
		case "index":
			var index uint64
			index, err = f.number(maxArgs - 1)
			c.index = uint32(index)
		case "value":
			c.value, err = f.number(^uint64(0))
		case "valueTwo":
			c.second, err = f.number(^uint64(0))
		case "op":
			if c.op, err = f.text(); err == nil && !comparisons[c.op] {
				err = f.fault("got operator %q, want SCMP_CMP_EQ, _NE, _LT, _LE, _GE, _GT or _MASKED_EQ", c.op)
			}
		default:
			err = f.fault("got a field %q of an argument, want index, value, valueTwo or op", f.name)
		}
		if err != nil {
			return c, err
		}
	}
	for _, name := range []string{"index", "value", "op"} {
		if !seen[name] {
			return c, n.fault("got an argument without %s", name)
		}
	}
	return c, nil
}

// readCondition reads "includes" (want) or "excludes" and returns the capabilities
// in it, and whether the rest lets the rule be.
func readCondition(n node, want bool) (caps uint64, holds bool, err error) {
	fields, err := n.members()
	if err != nil {
		return 0, false, err
	}
	holds = true
	for _, f := range fields {
		var is bool
		switch f.name {
		case "caps":
			caps, err = readCapabilities(f.node)
			is = want
		case "arches":
			is, err = namesOurs(f.node, want)
		case "minKernel":
			is, err = kernelIs(f.node)
		default:
			err = f.fault("got a condition %q, want caps, arches or minKernel", f.name)
		}
		if err != nil {
			return 0, false, err
		}
		holds = holds && is == want
	}
	return caps, holds, nil
}

func readCapabilities(n node) (mask uint64, err error) {
	names, err := n.texts()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		bit, ok := capabilityBits[name]
		if !ok {
			return 0, n.fault("got capability %q, want one of Linux, such as CAP_SYS_ADMIN", name)
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// namesOurs reports whether a list of architectures has ours; an empty one is as good
// as none.
func namesOurs(n node, none bool) (bool, error) {
	names, err := n.texts()
	if err != nil || len(names) == 0 {
		return none, err
	}
	for _, name := range names {
		if name == archName {
			return true, nil
		}
	}
	return false, nil
}

// kernelIs reports whether the running kernel is of a version or later.
func kernelIs(n node) (bool, error) {
	text, err := n.text()
	if err != nil {
		return false, err
	}
	want, ok := version(text)
	if !ok {
		return false, n.fault("got kernel version %q, want one like 4.8", text)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false, n.fault("the kernel's version cannot be read: %v", err)
	}
	got, ok := version(unix.ByteSliceToString(u.Release[:]))
	return ok && (got[0] > want[0] || got[0] == want[0] && got[1] >= want[1]), nil
}

// version reads the first two numbers of "4.8" or "6.1.0-13-amd64".
func version(text string) (v [2]int, ok bool) {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return v, false
	}
	var err1, err2 error
	v[0], err1 = strconv.Atoi(parts[0])
	v[1], err2 = strconv.Atoi(strings.TrimRight(parts[1], "abcdefghijklmnopqrstuvwxyz-"))
	return v, err1 == nil && err2 == nil
}

func (p *Profile) readArchMap(n node) error {
	list, err := n.list()
	if err != nil {
		return err
	}
	for _, one := range list {
		fields, err := one.members()
		if err != nil {
			return err
		}
		native := false
		var below *node
		for i := range fields {
			switch f := &fields[i]; f.name {
			case "architecture":
				var name string
				if name, err = f.text(); err == nil {
					native, err = isNative(f.node, name)
				}
			case "subArchitectures":
				below = &f.node
			default:
				err = f.fault("got a field %q of archMap, want architecture or subArchitectures", f.name)
			}
			if err != nil {
				return err
			}
		}
		if native && below != nil {
			if err := p.readArchitectures(*below); err != nil {
				return err
			}
		}
	}
	return nil
}

func isNative(n node, name string) (bool, error) {
	if !strings.HasPrefix(name, "SCMP_ARCH_") {
		return false, n.fault("got architecture %q, want one like SCMP_ARCH_X86_64", name)
	}
	return name == archToken, nil
}

func (p *Profile) readArchitectures(n node) error {
	list, err := n.list()
	if err != nil {
		return err
	}
	for _, one := range list {
		name, err := one.text()
		if err != nil {
			return err
		}
		if _, err := isNative(one, name); err != nil {
			return err
		}
		p.ia32 = p.ia32 || name == "SCMP_ARCH_X86" && ia32 != nil
		p.x32 = p.x32 || name == "SCMP_ARCH_X32" && ia32 != nil
	}
	return nil
}

// known reports whether an architecture of this machine has a call of that name.
func known(name string) bool {
	_, ours := native[name]
	_, theirs := ia32[name]
	return ours || theirs
}
