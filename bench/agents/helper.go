package agents

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/recordio"
)

// helperCommand is the executor of one command.
func helperCommand() *cobra.Command {
	return &cobra.Command{
		Use: "helper", Hidden: true, Args: cobra.NoArgs, Short: "Be the executor of one command",
		RunE: func(*cobra.Command, []string) error {
			h := &helper{agent: os.Getenv("MESOS_AGENT_ENDPOINT")}
			return h.run()
		},
	}
}

// helper runs the command in its task's data. It does as little as it can: requests are written
// by hand, so that a net/http client's goroutines and buffers are spared.
type helper struct {
	agent string
	calls net.Conn // updates; the stream of events has a connection of its own
	read  *bufio.Reader
}

func (h *helper) run() error {
	// What starting up has touched is given back, as the agent does.
	debug.SetGCPercent(50)
	runtime.GOMAXPROCS(1)
	stream, events, err := h.subscribe()
	if err != nil {
		return err
	}
	defer stream.Close()
	if h.calls, err = net.Dial("tcp", h.agent); err != nil {
		return err
	}
	h.read = bufio.NewReaderSize(h.calls, 512)
	r := recordio.NewReader(events)
	for {
		record, err := r.Next()
		if err != nil {
			return fmt.Errorf("the stream of events ended: %w", err)
		}
		var e executor.Event
		if err := codec.Protobuf.Unmarshal(record, &e); err != nil {
			return err
		}
		switch e.GetType() {
		case executor.Event_LAUNCH:
			if err := h.launch(e.GetLaunch().GetTask()); err != nil {
				return err
			}
			go debug.FreeOSMemory()
		case executor.Event_SHUTDOWN, executor.Event_KILL:
			return nil // the agent ends what is left in the container
		}
	}
}

// subscribe opens the stream of events.
func (h *helper) subscribe() (net.Conn, io.Reader, error) {
	c, err := net.Dial("tcp", h.agent)
	if err != nil {
		return nil, nil, err
	}
	if err := h.post(c, &executor.Call{Type: executor.Call_SUBSCRIBE.Enum(), Subscribe: &executor.Call_Subscribe{}}); err != nil {
		return nil, nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("SUBSCRIBE: got %s, want 200", resp.Status)
	}
	return c, resp.Body, nil
}

func (h *helper) post(c net.Conn, call *executor.Call) error {
	call.FrameworkId = &mesos.FrameworkID{Value: proto.String(os.Getenv("MESOS_FRAMEWORK_ID"))}
	call.ExecutorId = &mesos.ExecutorID{Value: proto.String(os.Getenv("MESOS_EXECUTOR_ID"))}
	body, err := codec.Protobuf.Append(nil, call)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "POST /api/v1/executor HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n%s",
		h.agent, codec.Protobuf.ContentType(), codec.Protobuf.ContentType(), len(body), body)
	return err
}

// launch starts the command, says so, and says later how it ended.
func (h *helper) launch(t *mesos.TaskInfo) error {
	if err := h.update(t.GetTaskId(), mesos.TaskState_TASK_STARTING); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", string(t.GetData()))
	if err := cmd.Start(); err != nil {
		return h.update(t.GetTaskId(), mesos.TaskState_TASK_FAILED)
	}
	if err := h.update(t.GetTaskId(), mesos.TaskState_TASK_RUNNING); err != nil {
		return err
	}
	go func() {
		state := mesos.TaskState_TASK_FINISHED
		if cmd.Wait() != nil {
			state = mesos.TaskState_TASK_FAILED
		}
		if err := h.update(t.GetTaskId(), state); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(time.Second) // for the acknowledgement, as Mesos' command executor waits
		os.Exit(0)
	}()
	return nil
}

func (h *helper) update(id *mesos.TaskID, s mesos.TaskState) error {
	u := uuid.New()
	err := h.post(h.calls, &executor.Call{Type: executor.Call_UPDATE.Enum(), Update: &executor.Call_Update{Status: &mesos.TaskStatus{
		TaskId: id, State: s.Enum(), Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: u[:],
	}}})
	if err != nil {
		return err
	}
	resp, err := http.ReadResponse(h.read, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("UPDATE to %v: got %s, want %s", s, resp.Status, strconv.Itoa(http.StatusAccepted))
	}
	return nil
}
