package main

import "github.com/mesos/mesos-go/api/v1/lib"

const role = "conformance-operator"

// disk reserved for our role, in the format that has a stack of reservations.
func disk(megabytes float64) mesos.Resource {
	scalar, dynamic, to := mesos.SCALAR, mesos.Resource_ReservationInfo_DYNAMIC, role
	return mesos.Resource{
		Name: "disk", Type: &scalar, Scalar: &mesos.Value_Scalar{Value: megabytes},
		Reservations: []mesos.Resource_ReservationInfo{{Type: &dynamic, Role: &to}},
	}
}

// volume is a persistent volume on that disk.
func volume(megabytes float64) mesos.Resource {
	mode := mesos.RW
	v := disk(megabytes)
	v.Disk = &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "made-by-hand"},
		Volume:      &mesos.Volume{ContainerPath: "data", Mode: &mode},
	}
	return v
}

// volumeSize is the size of our volume among resources, 0 where it is missing.
func volumeSize(resources []mesos.Resource) float64 {
	for i := range resources {
		if resources[i].GetDisk().GetPersistence().GetID() == "made-by-hand" {
			return resources[i].GetScalar().GetValue()
		}
	}
	return 0
}

// reservedSize is how much disk is reserved for our role, volumes included.
func reservedSize(resources []mesos.Resource) float64 {
	var sum float64
	for i := range resources {
		r := &resources[i]
		if n := len(r.Reservations); r.Name == "disk" && n > 0 && r.Reservations[n-1].GetRole() == role {
			sum += r.GetScalar().GetValue()
		}
	}
	return sum
}
