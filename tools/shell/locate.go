package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// place is where the process of a task runs.
type place struct {
	task string
	// api is the URL of the agent's operator API, as the allocator passes it on.
	api       string
	container *mesos.ContainerID
}

// listed is a task as /tasks shows it.
type listed struct {
	ID       string `json:"id"`
	Agent    string `json:"slave_id"`
	State    string `json:"state"`
	Statuses []struct {
		Container struct {
			ID *containerID `json:"container_id"`
		} `json:"container_status"`
	} `json:"statuses"`
}

type containerID struct {
	Value  string       `json:"value"`
	Parent *containerID `json:"parent"`
}

func (c *containerID) proto() *mesos.ContainerID {
	if c == nil {
		return nil
	}
	return &mesos.ContainerID{Value: &c.Value, Parent: c.Parent.proto()}
}

// maxListed is how many tasks are looked through for the beginning of an id.
const maxListed = 100_000

// locate finds the running task of that id, or the only one whose id begins so.
func locate(ctx context.Context, o *Options) (*place, error) {
	allocator, task := strings.TrimSuffix(o.Allocator, "/"), o.Task
	var tasks struct {
		Tasks []listed `json:"tasks"`
	}
	// Exactly that id first: a large cluster need not be listed for it.
	for _, query := range []url.Values{{"task_id": {task}}, {"limit": {fmt.Sprint(maxListed)}}} {
		if o.Framework != "" {
			query.Set("framework_id", o.Framework)
		}
		if err := getJSON(ctx, allocator+"/tasks?"+query.Encode(), &tasks); err != nil {
			return nil, err
		}
		found, err := pick(tasks.Tasks, task)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return found.place(allocator)
		}
	}
	return nil, fmt.Errorf("no running task has an id that begins with %q", task)
}

// pick chooses among the running tasks; nil if none fits. The beginning of an id up to a
// dot counts before one that ends anywhere: web is web.17 rather than webshop.3.
func pick(tasks []listed, id string) (*listed, error) {
	var fits, upToDot []*listed
	for i := range tasks {
		t := &tasks[i]
		switch {
		case t.State != "TASK_RUNNING" && t.State != "TASK_KILLING" || !strings.HasPrefix(t.ID, id):
		case t.ID == id:
			return t, nil
		default:
			fits = append(fits, t)
			if strings.HasPrefix(t.ID, id+".") {
				upToDot = append(upToDot, t)
			}
		}
	}
	if len(upToDot) > 0 {
		fits = upToDot
	}
	if len(fits) > 1 {
		return nil, fmt.Errorf("the ids of %d running tasks begin with %q, such as %s and %s", len(fits), id, fits[0].ID, fits[1].ID)
	}
	if len(fits) == 0 {
		return nil, nil
	}
	return fits[0], nil
}

func (t *listed) place(allocator string) (*place, error) {
	p := &place{task: t.ID}
	for _, st := range t.Statuses {
		if st.Container.ID != nil {
			p.container = st.Container.ID.proto()
		}
	}
	if p.container == nil {
		return nil, fmt.Errorf("task %s has no container that is known", t.ID)
	}
	// The allocator passes what is said here on, so the agent need not be reachable.
	p.api = allocator + "/agent/" + url.PathEscape(t.Agent) + "/api/v1"
	return p, nil
}

// maxAnswer bounds an answer that is read whole.
const maxAnswer = 256 << 20

func getJSON(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", address, err)
	case resp.StatusCode != 200:
		return fmt.Errorf("%s answers %d: %s", address, resp.StatusCode, strings.TrimSpace(string(body)))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New(address + " answers no JSON that is understood: " + err.Error())
	}
	return nil
}

// client follows the redirection of an allocator that does not lead. Each call has a
// connection of its own: one that carried a stream ends with it.
var client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
