package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
)

// The bounds of a running task, which Mesos cannot change:
//
//	POST /tasks/limits?framework_id=&task_id=
//	{"limits": {"cpus": 1.5, "mem": "Infinity"},
//	 "block": [{"device": "/dev/sda", "write_bytes_per_sec": 10485760}]}
//
// What is not named stays. A limit of null is what the task was given, an empty list of
// devices takes all bounds away. It is answered once the kernel has them: 200, or 409
// with what the kernel says, and then the old ones hold. They outlive the agent.

type limitsBody struct {
	Limits map[string]any `json:"limits"`
	Block  *[]blockBody   `json:"block"`
}

type blockBody struct {
	Device     string `json:"device"`
	ReadBytes  int64  `json:"read_bytes_per_sec"`
	WriteBytes int64  `json:"write_bytes_per_sec"`
	ReadOps    int64  `json:"read_ops_per_sec"`
	WriteOps   int64  `json:"write_ops_per_sec"`
}

func (a *server) taskLimits(c *httpd.Ctx) {
	if !c.IsMethod("POST") {
		c.ReplyText(405, fmt.Sprintf("got %s, want POST", c.Method()))
		return
	}
	cmd := core.ResizeTask{Framework: string(c.Query("framework_id")), Task: string(c.Query("task_id"))}
	if cmd.Framework == "" || cmd.Task == "" {
		c.ReplyText(400, fmt.Sprintf("got framework_id %q and task_id %q, want both", cmd.Framework, cmd.Task))
		return
	}
	body, err := c.ReadBody()
	if err == nil {
		err = readLimits(body, &cmd)
	}
	if err != nil {
		c.ReplyText(400, err.Error())
		return
	}
	a.finish(c, func(t core.Token) core.Command { return core.ForgetWait{Token: t} }, func(t core.Token) core.Command {
		cmd.Token = t
		return cmd
	})
}

func readLimits(text []byte, cmd *core.ResizeTask) error {
	var body limitsBody
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return fmt.Errorf("body: %w; want {\"limits\": {\"cpus\": 1.5}, \"block\": [{\"device\": \"/dev/sda\", \"read_bytes_per_sec\": 1048576}]}", err)
	}
	cmd.Limits = make(map[string]*mesos.Value_Scalar, len(body.Limits))
	for name, v := range body.Limits {
		switch v := v.(type) {
		case nil:
			cmd.Limits[name] = nil
		case float64:
			cmd.Limits[name] = &mesos.Value_Scalar{Value: &v}
		default:
			if v != "Infinity" {
				return fmt.Errorf("limit of %s: got %v, want a number, \"Infinity\" or null", name, v)
			}
			cmd.Limits[name] = &mesos.Value_Scalar{Value: new(math.Inf(1))}
		}
	}
	if body.Block == nil {
		return nil
	}
	cmd.SetBlock = true
	for _, b := range *body.Block {
		one, err := b.limit()
		if err != nil {
			return err
		}
		for _, other := range cmd.Block {
			if other.GetMajor() == one.GetMajor() && other.GetMinor() == one.GetMinor() {
				return fmt.Errorf("block: device %s is named twice", b.Device)
			}
		}
		cmd.Block = append(cmd.Block, one)
	}
	return nil
}

func (b *blockBody) limit() (*record.BlockLimit, error) {
	if min(b.ReadBytes, b.WriteBytes, b.ReadOps, b.WriteOps) < 0 {
		return nil, fmt.Errorf("block: got a bound below 0 for device %s", b.Device)
	}
	out := &record.BlockLimit{ReadBytes: &b.ReadBytes, WriteBytes: &b.WriteBytes, ReadOps: &b.ReadOps, WriteOps: &b.WriteOps}
	major, minor, ok := strings.Cut(b.Device, ":")
	if ok {
		x, err1 := strconv.ParseUint(major, 10, 32)
		y, err2 := strconv.ParseUint(minor, 10, 32)
		if err1 == nil && err2 == nil {
			out.Major, out.Minor = new(uint32(x)), new(uint32(y))
			return out, nil
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(b.Device, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return nil, fmt.Errorf("block: got device %q, want the path of a block device, or its numbers as 8:0", b.Device)
	}
	out.Major, out.Minor = new(unix.Major(st.Rdev)), new(unix.Minor(st.Rdev))
	return out, nil
}
