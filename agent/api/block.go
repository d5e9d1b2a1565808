package api

import (
	"slices"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/wire/mesos"
)

// blockStatistics words block transfers as Mesos does: an entry for each device and,
// without one, for all together; nil if nothing is counted. How long requests have waited
// and been served is told where Mesos has a place for it, among the statistics of the CFQ
// scheduler, which Linux has no more: those with what is below a container.
func blockStatistics(list []isolation.BlockUsage) *mesos.CgroupInfo_Blkio_Statistics {
	if list == nil {
		return nil
	}
	byDevice := map[cgroup.Device]*isolation.BlockUsage{}
	var order []cgroup.Device
	total := isolation.BlockUsage{}
	for i := range list {
		d := list[i].Device
		if byDevice[d] == nil {
			byDevice[d] = &isolation.BlockUsage{Device: d}
			order = append(order, d)
		}
		for _, sum := range []*isolation.BlockUsage{byDevice[d], &total} {
			addBlock(&sum.Bytes, &list[i].Bytes)
			addBlock(&sum.Ops, &list[i].Ops)
			addBlock(&sum.WaitNanos, &list[i].WaitNanos)
			addBlock(&sum.ServiceNanos, &list[i].ServiceNanos)
			sum.Timed = sum.Timed || list[i].Timed
		}
	}
	slices.SortFunc(order, func(a, b cgroup.Device) int {
		return int(a.Major)<<20 + int(a.Minor) - int(b.Major)<<20 - int(b.Minor)
	})
	st := &mesos.CgroupInfo_Blkio_Statistics{Throttling: []*mesos.CgroupInfo_Blkio_Throttling_Statistics{{
		IoServiced: blockValues(&total.Ops, false), IoServiceBytes: blockValues(&total.Bytes, false)}}}
	for _, d := range order {
		st.Throttling = append(st.Throttling, &mesos.CgroupInfo_Blkio_Throttling_Statistics{
			Device:     &mesos.Device_Number{MajorNumber: new(uint64(d.Major)), MinorNumber: new(uint64(d.Minor))},
			IoServiced: blockValues(&byDevice[d].Ops, true), IoServiceBytes: blockValues(&byDevice[d].Bytes, true),
		})
	}
	if !total.Timed {
		return st
	}
	st.CfqRecursive = []*mesos.CgroupInfo_Blkio_CFQ_Statistics{{
		IoServiceTime: blockValues(&total.ServiceNanos, false), IoWaitTime: blockValues(&total.WaitNanos, false)}}
	for i, d := range order {
		st.CfqRecursive = append(st.CfqRecursive, &mesos.CgroupInfo_Blkio_CFQ_Statistics{Device: st.Throttling[i+1].Device,
			IoServiceTime: blockValues(&byDevice[d].ServiceNanos, true), IoWaitTime: blockValues(&byDevice[d].WaitNanos, true)})
	}
	return st
}

func addBlock(sum, part *cgroup.BlockCounts) {
	sum.Read += part.Read
	sum.Write += part.Write
	sum.Discard += part.Discard
	sum.Sync += part.Sync
	sum.Async += part.Async
}

// blockValues are the total and, of a single device, what it consists of.
func blockValues(c *cgroup.BlockCounts, parts bool) []*mesos.CgroupInfo_Blkio_Value {
	value := func(op mesos.CgroupInfo_Blkio_Operation, n uint64) *mesos.CgroupInfo_Blkio_Value {
		return &mesos.CgroupInfo_Blkio_Value{Op: op.Enum(), Value: &n}
	}
	total := value(mesos.CgroupInfo_Blkio_TOTAL, c.Total())
	if !parts {
		return []*mesos.CgroupInfo_Blkio_Value{total}
	}
	return []*mesos.CgroupInfo_Blkio_Value{
		value(mesos.CgroupInfo_Blkio_READ, c.Read), value(mesos.CgroupInfo_Blkio_WRITE, c.Write),
		value(mesos.CgroupInfo_Blkio_SYNC, c.Sync), value(mesos.CgroupInfo_Blkio_ASYNC, c.Async),
		value(mesos.CgroupInfo_Blkio_DISCARD, c.Discard), total,
	}
}
