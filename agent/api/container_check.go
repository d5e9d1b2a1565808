package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/resource"
)

const (
	// maxName is the length of the longest name of a file, and so of an id.
	maxName = 255
	// maxContainerName is that less what Mesos puts before it.
	maxContainerName = 242
)

// checkContainerID says what is wrong with an id, "" if nothing.
func checkContainerID(id *mesos.ContainerID) string {
	v := id.GetValue()
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }
	switch {
	case v == "":
		return "ID must not be empty"
	case len(v) > maxName:
		return fmt.Sprintf("ID must not be greater than %d characters", maxName)
	case v == "." || v == "..":
		return fmt.Sprintf("'%s' is disallowed", v)
	case strings.ContainsFunc(v, control):
		return fmt.Sprintf("'%s' contains invalid characters", v)
	case len(v) > maxContainerName:
		return fmt.Sprintf("'ContainerID.value' '%s' exceeds the maximum length (%d)", v, maxContainerName)
	case strings.ContainsAny(v, ". "):
		return fmt.Sprintf("'ContainerID.value' '%s' contains invalid characters", v)
	case id.Parent != nil:
		if fault := checkContainerID(id.Parent); fault != "" {
			return "'ContainerID.parent' is invalid: " + fault
		}
	}
	return ""
}

// depth is the number of parents.
func depth(id *mesos.ContainerID) int {
	n := 0
	for id = id.GetParent(); id != nil; id = id.Parent {
		n++
	}
	return n
}

// maxDepth bounds how deep containers are nested; Mesos' own tools use two.
const maxDepth = 16

// containerCall is what the calls about one container have in common.
type containerCall struct {
	// member is the name of the call's field.
	member string
	id     *mesos.ContainerID
	// nested: the id must have a parent.
	nested bool
	launch bool
	// session and alone tell the launches apart.
	session, alone bool
	command        *mesos.CommandInfo
	container      *mesos.ContainerInfo
	resources      []*mesos.Resource
	limits         map[string]*mesos.Value_Scalar
}

// containerCallOf returns the part of a call about a container; ok is false for
// other calls, and the result nil if the part is missing.
func containerCallOf(c *agent.Call) (cc *containerCall, member string, ok bool) {
	//lint:ignore SA1019 executors of today send the deprecated calls
	launch, wait, kill, remove := c.LaunchNestedContainer, c.WaitNestedContainer, c.KillNestedContainer, c.RemoveNestedContainer
	switch c.GetType() {
	//lint:ignore SA1019 as above
	case agent.Call_LAUNCH_NESTED_CONTAINER:
		if member = "launch_nested_container"; launch != nil {
			cc = &containerCall{id: launch.ContainerId, nested: true, launch: true, command: launch.Command, container: launch.Container}
		}
	//lint:ignore SA1019 as above
	case agent.Call_WAIT_NESTED_CONTAINER:
		if member = "wait_nested_container"; wait != nil {
			cc = &containerCall{id: wait.ContainerId, nested: true}
		}
	//lint:ignore SA1019 as above
	case agent.Call_KILL_NESTED_CONTAINER:
		if member = "kill_nested_container"; kill != nil {
			cc = &containerCall{id: kill.ContainerId, nested: true}
		}
	//lint:ignore SA1019 as above
	case agent.Call_REMOVE_NESTED_CONTAINER:
		if member = "remove_nested_container"; remove != nil {
			cc = &containerCall{id: remove.ContainerId, nested: true}
		}
	case agent.Call_LAUNCH_NESTED_CONTAINER_SESSION:
		if member = "launch_nested_container_session"; c.LaunchNestedContainerSession != nil {
			l := c.LaunchNestedContainerSession
			cc = &containerCall{id: l.ContainerId, nested: true, launch: true, session: true, command: l.Command, container: l.Container}
		}
	case agent.Call_LAUNCH_CONTAINER:
		if member = "launch_container"; c.LaunchContainer != nil {
			l := c.LaunchContainer
			cc = &containerCall{id: l.ContainerId, launch: true, alone: true, command: l.Command, container: l.Container,
				resources: l.Resources, limits: l.Limits}
		}
	case agent.Call_WAIT_CONTAINER:
		if member = "wait_container"; c.WaitContainer != nil {
			cc = &containerCall{id: c.WaitContainer.ContainerId}
		}
	case agent.Call_KILL_CONTAINER:
		if member = "kill_container"; c.KillContainer != nil {
			cc = &containerCall{id: c.KillContainer.ContainerId}
		}
	case agent.Call_REMOVE_CONTAINER:
		if member = "remove_container"; c.RemoveContainer != nil {
			cc = &containerCall{id: c.RemoveContainer.ContainerId}
		}
	case agent.Call_ATTACH_CONTAINER_OUTPUT:
		if member = "attach_container_output"; c.AttachContainerOutput != nil {
			cc = &containerCall{id: c.AttachContainerOutput.ContainerId}
		}
	default:
		return nil, "", false
	}
	if cc != nil {
		cc.member = member
	}
	return cc, member, true
}

// checkContainerCall says what is wrong with a call about a container.
func checkContainerCall(c *agent.Call) string {
	if c.GetType() == agent.Call_ATTACH_CONTAINER_INPUT {
		return checkAttachInput(c.AttachContainerInput)
	}
	cc, member, ok := containerCallOf(c)
	switch {
	case !ok:
		return ""
	case cc == nil:
		return "Expecting '" + member + "' to be present"
	}
	if fault := checkContainerID(cc.id); fault != "" {
		return fmt.Sprintf("'%s.container_id' is invalid: %s", member, fault)
	}
	switch n := depth(cc.id); {
	case n > maxDepth:
		return fmt.Sprintf("'%s.container_id' is invalid: got %d parents, want at most %d", member, n, maxDepth)
	case cc.nested && n == 0:
		return fmt.Sprintf("Expecting '%s.container_id.parent' to be present", member)
	}
	if !cc.launch {
		return ""
	}
	return cc.checkLaunch()
}

func (cc *containerCall) checkLaunch() string {
	if cc.alone {
		if fault := cc.checkResources(); fault != "" {
			return fault
		}
	}
	if fault := checkCommand(cc.command); fault != "" {
		return fmt.Sprintf("'%s.command' is invalid: %s", cc.member, fault)
	}
	if fault := checkContainer(cc.container); fault != "" {
		return fmt.Sprintf("'%s.container' is invalid: %s", cc.member, fault)
	}
	return cc.checkShare()
}

func (cc *containerCall) checkResources() string {
	if _, err := resource.FromProto(cc.resources); err != nil {
		return fmt.Sprintf("Invalid resources: %v", err)
	}
	if cc.id.Parent != nil {
		return ""
	}
	for _, r := range cc.resources {
		//lint:ignore SA1019 old clients say it so
		role := r.GetRole()
		switch {
		case len(r.Reservations) > 0 || r.Reservation != nil || role != "" && role != "*":
			return "'launch_container.resources' must be unreserved"
		case r.GetDisk().GetPersistence() != nil:
			return "'launch_container.resources' may not use persistent volumes"
		case r.Revocable != nil:
			return "'launch_container.resources' must be non-revocable"
		}
	}
	return ""
}

// checkShare checks what a container says about sharing the limits of its parent.
func (cc *containerCall) checkShare() string {
	linux := cc.container.GetLinuxInfo()
	said := linux != nil && linux.ShareCgroups != nil
	share := linux == nil || linux.GetShareCgroups()
	deep := depth(cc.id) > 1
	own := "containers nested at the second level or greater cannot "
	switch {
	case cc.session && !share:
		return "'launch_nested_container_session.container.linux_info' is invalid: 'share_cgroups' cannot be set to 'false' for nested container sessions"
	case deep && len(cc.resources) > 0:
		return "'launch_container' is invalid: " + own + "specify resources"
	case deep && len(cc.limits) > 0:
		return "'launch_container' is invalid: " + own + "specify resource limits"
	case deep && !share:
		return fmt.Sprintf("'%s' is invalid: %sset 'share_cgroups' to 'false'", cc.member, own)
	case cc.alone && cc.id.Parent == nil && said && share:
		return "'launch_container' is invalid: containers without a parent cannot set 'share_cgroups' to 'true'"
	}
	return ""
}

// checkCommand says what is wrong with the environment of a command.
func checkCommand(cmd *mesos.CommandInfo) string {
	for _, v := range cmd.GetEnvironment().GetVariables() {
		fault := ""
		switch v.GetType() {
		case mesos.Environment_Variable_SECRET:
			switch {
			case v.Secret == nil:
				fault = "of type 'SECRET' must have a secret set"
			case v.Value != nil:
				fault = "of type 'SECRET' must not have a value set"
			case slices.Contains(v.Secret.GetValue().GetData(), 0):
				fault = "specifies a secret containing null bytes, which is not allowed in the environment"
			}
		case mesos.Environment_Variable_VALUE:
			switch {
			case v.Value == nil:
				fault = "of type 'VALUE' must have a value set"
			case v.Secret != nil:
				fault = "of type 'VALUE' must not have a secret set"
			}
		default:
			return "Environment variable of type 'UNKNOWN' is not allowed"
		}
		if fault != "" {
			return fmt.Sprintf("Environment variable '%s' %s", v.GetName(), fault)
		}
	}
	return ""
}

func checkContainer(info *mesos.ContainerInfo) string {
	for _, v := range info.GetVolumes() {
		sources := 0
		for _, set := range []bool{v.HostPath != nil, v.Image != nil, v.Source != nil} {
			if set {
				sources++
			}
		}
		if sources != 1 {
			return "Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'"
		}
	}
	if info != nil && info.GetType() == mesos.ContainerInfo_DOCKER {
		if info.Docker == nil {
			return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
		}
		for _, p := range info.Docker.Parameters {
			if p.GetKey() == "name" {
				return "Parameter in DockerInfo must not be 'name'"
			}
		}
	}
	return ""
}

// checkAttachInput checks what every record of an input must have.
func checkAttachInput(in *agent.Call_AttachContainerInput) string {
	switch {
	case in == nil:
		return "Expecting 'attach_container_input' to be present"
	case in.Type == nil:
		return "Expecting 'attach_container_input.type' to be present"
	}
	switch in.GetType() {
	case agent.Call_AttachContainerInput_PROCESS_IO:
		return ""
	case agent.Call_AttachContainerInput_CONTAINER_ID:
		if fault := checkContainerID(in.ContainerId); fault != "" {
			return "'attach_container_input.container_id' is invalid: " + fault
		}
		return ""
	}
	return "'attach_container_input.type' is unknown"
}

// checkProcessIO checks a record of an input after the first.
func checkProcessIO(in *agent.Call_AttachContainerInput) error {
	if in.GetType() != agent.Call_AttachContainerInput_PROCESS_IO {
		return httpd.Refusef(400, "Expecting 'attach_container_input.type' to be 'PROCESS_IO' instead of: '%s'", in.GetType())
	}
	io := in.ProcessIo
	fault := ""
	switch {
	case io == nil:
		fault = "Expecting 'attach_container_input.process_io' to be present"
	case io.Type == nil:
		fault = "Expecting 'process_io.type' to be present"
	case io.GetType() == agent.ProcessIO_DATA:
		fault = checkData(io.Data)
	case io.GetType() == agent.ProcessIO_CONTROL:
		fault = checkControl(io.Control)
	default:
		fault = "'process_io.type' is unknown"
	}
	if fault != "" {
		return httpd.Refusef(400, "%s", fault)
	}
	return nil
}

func checkData(d *agent.ProcessIO_Data) string {
	switch {
	case d == nil:
		return "Expecting 'process_io.data' to be present"
	case d.Type == nil:
		return "Expecting 'process_io.data.type' to be present"
	case d.GetType() != agent.ProcessIO_Data_STDIN:
		return "Expecting 'process_io.data.type' to be 'STDIN'"
	case d.Data == nil:
		return "Expecting 'process_io.data.data' to be present"
	}
	return ""
}

func checkControl(c *agent.ProcessIO_Control) string {
	switch {
	case c == nil:
		return "Expecting 'process_io.control' to be present"
	case c.Type == nil:
		return "Expecting 'process_io.control.type' to be present"
	case c.GetType() == agent.ProcessIO_Control_HEARTBEAT && c.Heartbeat == nil:
		return "Expecting 'process_io.control.heartbeat' to be present"
	case c.GetType() == agent.ProcessIO_Control_HEARTBEAT:
		return ""
	case c.GetType() != agent.ProcessIO_Control_TTY_INFO:
		return "'process_io.control.type' is unknown"
	case c.TtyInfo == nil:
		return "Expecting 'process_io.control.tty_info' to be present"
	case c.TtyInfo.WindowSize == nil:
		return "Expecting 'tty_info.window_size' to be present"
	}
	return ""
}
