package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// maxInstructions is the kernel's bound.
const maxInstructions = 4096

// Filter compiles the profile for a container with that bounding set.
func (p *Profile) Filter(bounding uint64) []unix.SockFilter {
	foreign := filter{}
	foreign.ret(unix.SECCOMP_RET_KILL_PROCESS)
	if p.ia32 {
		foreign = p.byNumber(ia32, bounding)
		foreign = slices.Concat(load(dataNr), foreign)
		other := filter{}
		other.ret(unix.SECCOMP_RET_KILL_PROCESS)
		foreign = choose(unix.BPF_JEQ, auditIA32, foreign, other)
	}
	calls := p.byNumber(native, bounding)
	if archName == "amd64" {
		// x32 has the numbers of 64 bits, with a mark that is taken off.
		marked := filter{}
		if p.x32 {
			marked = append(marked, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: ^uint32(x32Bit)})
			marked = append(marked, calls...)
		} else {
			marked.ret(unix.SECCOMP_RET_KILL_PROCESS)
		}
		calls = choose(unix.BPF_JGE, x32Bit, marked, calls)
	}
	calls = slices.Concat(load(dataNr), calls)
	return slices.Concat(load(dataArch), choose(unix.BPF_JEQ, auditArch, calls, foreign))
}

func load(offset uint32) filter {
	var f filter
	f.load(offset)
	return f
}

// choose runs yes if what was loaded passes the test, no otherwise. Both end in a
// verdict.
func choose(test uint16, k uint32, yes, no filter) filter {
	f := filter{{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jf: 1},
		{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(no))}}
	return slices.Concat(f, no, yes)
}

// span is a run of numbers, from first on, with the same verdict.
type span struct {
	first uint32
	code  filter
}

// byNumber finds the verdict on the number of a call that was loaded, by halving. Calls
// newer than all that the profile names are no calls at all if it refuses what
// it does not name: libraries try the new way first, and only that answer makes them
// take the old one. A profile without clone3 would otherwise allow no threads.
func (p *Profile) byNumber(numbers map[string]uint32, bounding uint64) filter {
	verdicts := map[uint32]filter{}
	final := map[uint32]bool{}
	for _, r := range p.rules {
		if r.needs&^bounding != 0 || r.unless&bounding != 0 {
			continue
		}
		for _, name := range r.names {
			nr, ok := numbers[name]
			if !ok || final[nr] {
				continue
			}
			verdicts[nr] = append(verdicts[nr], r.code()...)
			final[nr] = len(r.args) == 0
		}
	}
	var fallback filter
	fallback.ret(p.fallback)
	spans := []span{{0, fallback}}
	add := func(first uint32, code filter) {
		if last := &spans[len(spans)-1]; last.first == first {
			last.code = code
		} else if !slices.Equal(last.code, code) {
			spans = append(spans, span{first, code})
		}
	}
	next := uint32(0)
	called := make([]uint32, 0, len(verdicts))
	for nr := range verdicts {
		called = append(called, nr)
	}
	slices.Sort(called)
	for _, nr := range called {
		if nr > next {
			add(next, fallback)
		}
		code := verdicts[nr]
		if !final[nr] {
			code = append(code, fallback...)
		}
		add(nr, code)
		next = nr + 1
	}
	if len(called) > 0 && p.refuses {
		fallback = nil
		fallback.ret(deny(unix.ENOSYS))
	}
	add(next, fallback)
	return halve(spans)
}

func halve(spans []span) filter {
	if len(spans) == 1 {
		return spans[0].code
	}
	middle := len(spans) / 2
	return choose(unix.BPF_JGE, spans[middle].first, halve(spans[middle:]), halve(spans[:middle]))
}

// code is the rule's verdict, or a way past it if its arguments do not match. What was
// loaded is lost.
func (r *rule) code() filter {
	var tests filter
	var failing []int // jumps that lead past the rule
	for _, c := range r.args {
		code, fails := c.code()
		for _, at := range fails {
			failing = append(failing, len(tests)+at)
		}
		tests = append(tests, code...)
	}
	tests.ret(r.action)
	for _, at := range failing {
		past := uint8(len(tests) - at - 1)
		if tests[at].Jt == fail {
			tests[at].Jt = past
		}
		if tests[at].Jf == fail {
			tests[at].Jf = past
		}
	}
	return tests
}

// fail marks a jump that leads past the rule; no other is that long.
const fail = 255

// code goes on behind its end if the comparison holds. It compares the upper half of
// the argument, and then the lower. fails are the instructions with jumps to fail.
func (c *comparison) code() (code filter, fails []int) {
	const argSize = 8
	low := uint32(dataArg0 + argSize*c.index)
	value, mask := c.value, ^uint64(0)
	if c.op == "SCMP_CMP_MASKED_EQ" {
		mask, value = c.value, c.second
	}
	part := func(offset uint32, mask uint32) {
		code.load(offset)
		if mask != ^uint32(0) {
			code = append(code, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask})
		}
	}
	test := func(kind uint16, k uint32, yes, no uint8) {
		if yes == fail || no == fail {
			fails = append(fails, len(code))
		}
		code = append(code, unix.SockFilter{Code: unix.BPF_JMP | kind | unix.BPF_K, K: k, Jt: yes, Jf: no})
	}
	high, lower := uint32(value>>32), uint32(value)
	part(low+4, uint32(mask>>32))
	const rest = 2 // load and test of the lower half
	switch c.op {
	case "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ":
		test(unix.BPF_JEQ, high, 0, fail)
		part(low, uint32(mask))
		test(unix.BPF_JEQ, lower, 0, fail)
	case "SCMP_CMP_NE":
		test(unix.BPF_JEQ, high, 0, rest)
		part(low, uint32(mask))
		test(unix.BPF_JEQ, lower, fail, 0)
	case "SCMP_CMP_GT", "SCMP_CMP_GE":
		test(unix.BPF_JGT, high, rest+1, 0)
		test(unix.BPF_JEQ, high, 0, fail)
		part(low, uint32(mask))
		if c.op == "SCMP_CMP_GT" {
			test(unix.BPF_JGT, lower, 0, fail)
		} else {
			test(unix.BPF_JGE, lower, 0, fail)
		}
	case "SCMP_CMP_LT", "SCMP_CMP_LE":
		test(unix.BPF_JGT, high, fail, 0)
		test(unix.BPF_JEQ, high, 0, rest)
		part(low, uint32(mask))
		if c.op == "SCMP_CMP_LT" {
			test(unix.BPF_JGE, lower, fail, 0)
		} else {
			test(unix.BPF_JGT, lower, fail, 0)
		}
	}
	return code, fails
}
