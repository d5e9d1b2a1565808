package main

import (
	"github.com/mesos/mesos-go/api/v1/lib"
)

// scalar is an unreserved resource that is offered to our role.
func scalar(name string, value float64) mesos.Resource {
	kind := mesos.SCALAR
	offeredTo := role
	return mesos.Resource{
		Name: name, Type: &kind, Scalar: &mesos.Value_Scalar{Value: value},
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: &offeredTo},
	}
}

// reserved is a resource under our dynamic reservation, in the format that
// RESERVATION_REFINEMENT stands for.
func reserved(name string, value float64) mesos.Resource {
	kind := mesos.Resource_ReservationInfo_DYNAMIC
	to, by := role, principal
	r := scalar(name, value)
	r.Reservations = []mesos.Resource_ReservationInfo{{Type: &kind, Role: &to, Principal: &by}}
	return r
}

// volume is the persistent volume of the story, at a size of megabytes.
func volume(megabytes float64) mesos.Resource {
	mode, by := mesos.RW, principal
	r := reserved("disk", megabytes)
	r.Disk = &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "kept", Principal: &by},
		Volume:      &mesos.Volume{ContainerPath: "data", Mode: &mode},
	}
	return r
}

// volumeIn finds the volume among what is offered.
func volumeIn(offered []mesos.Resource) *mesos.Resource {
	for i := range offered {
		if offered[i].GetDisk().GetPersistence().GetID() == "kept" {
			return &offered[i]
		}
	}
	return nil
}

func unreserved(offered []mesos.Resource) []mesos.Resource {
	var free []mesos.Resource
	for i := range offered {
		if len(offered[i].Reservations) == 0 {
			free = append(free, offered[i])
		}
	}
	return free
}

// task runs a shell command on the reserved resources with the volume in its sandbox.
func task(name, command string, offer *mesos.Offer, vol mesos.Resource) mesos.TaskInfo {
	shell := true
	return mesos.TaskInfo{
		Name: name, TaskID: mesos.TaskID{Value: name}, AgentID: offer.AgentID,
		Command:   &mesos.CommandInfo{Shell: &shell, Value: &command},
		Resources: []mesos.Resource{reserved("cpus", 0.1), reserved("mem", 32), vol},
	}
}
