package runner

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/mesos"
)

// rlimitNumbers are the kernel's numbers for Mesos' types.
var rlimitNumbers = map[mesos.RLimitInfo_RLimit_Type]int{
	mesos.RLimitInfo_RLimit_RLMT_AS: unix.RLIMIT_AS, mesos.RLimitInfo_RLimit_RLMT_CORE: unix.RLIMIT_CORE,
	mesos.RLimitInfo_RLimit_RLMT_CPU: unix.RLIMIT_CPU, mesos.RLimitInfo_RLimit_RLMT_DATA: unix.RLIMIT_DATA,
	mesos.RLimitInfo_RLimit_RLMT_FSIZE: unix.RLIMIT_FSIZE, mesos.RLimitInfo_RLimit_RLMT_LOCKS: unix.RLIMIT_LOCKS,
	mesos.RLimitInfo_RLimit_RLMT_MEMLOCK: unix.RLIMIT_MEMLOCK, mesos.RLimitInfo_RLimit_RLMT_MSGQUEUE: unix.RLIMIT_MSGQUEUE,
	mesos.RLimitInfo_RLimit_RLMT_NICE: unix.RLIMIT_NICE, mesos.RLimitInfo_RLimit_RLMT_NOFILE: unix.RLIMIT_NOFILE,
	mesos.RLimitInfo_RLimit_RLMT_NPROC: unix.RLIMIT_NPROC, mesos.RLimitInfo_RLimit_RLMT_RSS: unix.RLIMIT_RSS,
	mesos.RLimitInfo_RLimit_RLMT_RTPRIO: unix.RLIMIT_RTPRIO, mesos.RLimitInfo_RLimit_RLMT_RTTIME: unix.RLIMIT_RTTIME,
	mesos.RLimitInfo_RLimit_RLMT_SIGPENDING: unix.RLIMIT_SIGPENDING, mesos.RLimitInfo_RLimit_RLMT_STACK: unix.RLIMIT_STACK,
}

// rlimitsOf translates the limits of a container. One without a soft and a hard
// value means no limit; one of the two alone is a fault, as in Mesos.
func rlimitsOf(info *mesos.RLimitInfo) ([]isolation.Rlimit, error) {
	var out []isolation.Rlimit
	seen := map[int]bool{}
	for _, l := range info.GetRlimits() {
		number, ok := rlimitNumbers[l.GetType()]
		switch {
		case !ok:
			return nil, fmt.Errorf("rlimit_info: got a limit of type %s, want one that Linux has", l.GetType())
		case seen[number]:
			return nil, fmt.Errorf("rlimit_info: %s is given twice", l.GetType())
		case (l.Soft == nil) != (l.Hard == nil):
			return nil, fmt.Errorf("rlimit_info: %s has only one of soft and hard, want both or none", l.GetType())
		}
		seen[number] = true
		r := isolation.Rlimit{Resource: number, Soft: unix.RLIM_INFINITY, Hard: unix.RLIM_INFINITY}
		if l.Soft != nil {
			r.Soft, r.Hard = l.GetSoft(), l.GetHard()
		}
		out = append(out, r)
	}
	return out, nil
}
