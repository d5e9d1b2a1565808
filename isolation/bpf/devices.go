package bpf

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/cgroup"
)

// RestrictDevices lets the processes in a directory of the unified hierarchy, and
// below it, use only what rules allow. It holds as long as the directory exists, and
// replaces what was there.
func RestrictDevices(dir string, rules []cgroup.DeviceRule) error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.CGroupDevice, AttachType: ebpf.AttachCGroupDevice, License: "GPL",
		Instructions: deviceProgram(rules)})
	if err != nil {
		return fmt.Errorf("bpf: load the rules of devices: %w", err)
	}
	defer p.Close()
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("bpf: %w", err)
	}
	defer f.Close()
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: int(f.Fd()), Program: p, Attach: ebpf.AttachCGroupDevice})
	if err != nil {
		return fmt.Errorf("bpf: attach the rules of devices to %s: %w", dir, err)
	}
	return nil
}

// ReleaseDevices undoes RestrictDevices; no rules are fine too.
func ReleaseDevices(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("bpf: %w", err)
	}
	defer f.Close()
	attached, err := link.QueryPrograms(link.QueryOptions{Target: int(f.Fd()), Attach: ebpf.AttachCGroupDevice})
	if err != nil {
		return fmt.Errorf("bpf: rules of devices of %s: %w", dir, err)
	}
	var faults []error
	for _, one := range attached.Programs {
		p, err := ebpf.NewProgramFromID(one.ID)
		if err == nil {
			err = link.RawDetachProgram(link.RawDetachProgramOptions{Target: int(f.Fd()), Program: p, Attach: ebpf.AttachCGroupDevice})
			p.Close()
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// deviceProgram answers 1 if a rule allows the access, 0 otherwise. The context is
// three words: the access in the upper and the kind of device in the lower half of
// the first, then major and minor.
func deviceProgram(rules []cgroup.DeviceRule) asm.Instructions {
	code := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.And.Imm(asm.R2, 0xffff),
		asm.RSh.Imm(asm.R3, 16),
		asm.LoadMem(asm.R4, asm.R1, 4, asm.Word),
		asm.LoadMem(asm.R5, asm.R1, 8, asm.Word),
	}
	for i, r := range rules {
		next := fmt.Sprintf("after%d", i)
		kind, access := int32(unix.BPF_DEVCG_DEV_CHAR), int32(0)
		if r.Block {
			kind = unix.BPF_DEVCG_DEV_BLOCK
		}
		for _, a := range []struct {
			on  bool
			bit int32
		}{{r.Read, unix.BPF_DEVCG_ACC_READ}, {r.Write, unix.BPF_DEVCG_ACC_WRITE}, {r.Mknod, unix.BPF_DEVCG_ACC_MKNOD}} {
			if a.on {
				access |= a.bit
			}
		}
		code = append(code, asm.JNE.Imm(asm.R2, kind, next),
			// Any bit asked for that the rule lacks leads on.
			asm.Mov.Reg(asm.R0, asm.R3),
			asm.And.Imm(asm.R0, ^access),
			asm.JNE.Imm(asm.R0, 0, next))
		if !r.AnyMajor {
			code = append(code, asm.JNE.Imm(asm.R4, int32(r.Major), next))
		}
		if !r.AnyMinor {
			code = append(code, asm.JNE.Imm(asm.R5, int32(r.Minor), next))
		}
		code = append(code, asm.Mov.Imm(asm.R0, 1), asm.Return(), asm.Mov.Imm(asm.R0, 0).WithSymbol(next))
	}
	return append(code, asm.Mov.Imm(asm.R0, 0), asm.Return())
}
