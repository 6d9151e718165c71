package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	tick = 100 * time.Millisecond
	// A kubelet goes from 10 s to 5 minutes; tests do not wait that long.
	longestBackoff = 5 * time.Second
)

// podRun is one pod on this node, from its first sight until its object is gone.
type podRun struct {
	node    *node
	pod     *corev1.Pod
	folder  string
	address string
	volumes map[string]string
	began   time.Time

	mutex      sync.Mutex
	stopping   chan time.Duration
	grace      *time.Duration
	containers []*containerRun
	reported   corev1.PodStatus
}

func newPodRun(n *node, pod *corev1.Pod) *podRun {
	return &podRun{
		node: n, pod: pod, folder: n.root + "/pods/" + string(pod.UID), began: time.Now(),
		stopping: make(chan time.Duration, 8),
	}
}

// stop: a later, shorter grace counts.
func (r *podRun) stop(grace time.Duration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.grace != nil && *r.grace <= grace {
		return
	}
	r.grace = &grace
	select {
	case r.stopping <- grace:
	default:
	}
}

func (r *podRun) run() {
	defer r.node.forget(r.pod.UID)
	r.address = r.node.addresses.take(readFile(r.folder + "/address"))
	_ = os.MkdirAll(r.folder, 0o700)
	writeWhole(r.folder+"/address", r.address)
	if r.prepare() && r.runInit() {
		r.loop()
	}
	r.finish()
}

// prepare tries until the Secrets and ConfigMaps it needs are there; false when the pod is to end.
func (r *podRun) prepare() bool {
	for {
		volumes, err := r.makeVolumes()
		if err == nil {
			r.volumes = volumes
			break
		}
		log.Printf("pod %s/%s: %v", r.pod.Namespace, r.pod.Name, err)
		if r.isStopping(time.Second) {
			return false
		}
	}
	for index := range r.pod.Spec.Containers {
		spec := &r.pod.Spec.Containers[index]
		r.containers = append(r.containers, &containerRun{
			pod: r, spec: spec, folder: fmt.Sprintf("%s/containers/%s", r.folder, spec.Name),
		})
	}
	return true
}

func (r *podRun) isStopping(wait time.Duration) bool {
	select {
	case grace := <-r.stopping:
		r.stopping <- grace
		return true
	case <-time.After(wait):
		return false
	}
}

func (r *podRun) runInit() bool {
	for index := range r.pod.Spec.InitContainers {
		spec := &r.pod.Spec.InitContainers[index]
		one := &containerRun{pod: r, spec: spec, folder: fmt.Sprintf("%s/containers/init-%s", r.folder, spec.Name)}
		if readFile(one.folder+"/exit") == "0" {
			continue
		}
		for {
			if err := one.launch(); err != nil {
				log.Printf("pod %s: %v", r.pod.Name, err)
			}
			code, done := one.exited()
			for !done {
				if r.isStopping(tick) {
					one.end(0)
					return false
				}
				code, done = one.exited()
			}
			if code == 0 {
				break
			}
			log.Printf("pod %s: init container %s ended with %d", r.pod.Name, spec.Name, code)
			if r.isStopping(time.Second) {
				return false
			}
		}
	}
	return true
}

// loop keeps the containers running and the status told, until the pod is to end or has ended.
func (r *podRun) loop() {
	for _, one := range r.containers {
		if readPid(one.folder) != 0 { // taken over from before
			one.started = time.Now()
		}
		go one.keep()
		go one.probe()
	}
	for {
		status := r.status()
		r.report(status)
		ended := status.Phase == corev1.PodSucceeded || status.Phase == corev1.PodFailed
		// Somebody else may have written the object in between: then it is told again.
		if ended && reflect.DeepEqual(status, r.reported) {
			return
		}
		if r.isStopping(tick) {
			return
		}
	}
}

func (r *podRun) finish() {
	grace := time.Duration(0)
	select {
	case grace = <-r.stopping:
	default: // ended by itself: its object stays
		return
	}
	var group sync.WaitGroup
	for _, one := range r.containers {
		group.Add(1)
		go func() {
			defer group.Done()
			done := make(chan struct{})
			go func() { one.end(grace); close(done) }()
			for {
				select {
				case <-done:
					return
				case shorter := <-r.stopping:
					if shorter == 0 {
						killProcess(readPid(one.folder))
					}
				}
			}
		}()
	}
	group.Wait()
	releaseAddress(r.address)
	_ = os.RemoveAll(r.folder)
	r.node.removeObject(r.pod)
}

func (r *podRun) report(status corev1.PodStatus) {
	if reflect.DeepEqual(status, r.reported) {
		return
	}
	pods := r.node.client.CoreV1().Pods(r.pod.Namespace)
	current, err := pods.Get(context.Background(), r.pod.Name, metav1.GetOptions{})
	if err != nil || current.UID != r.pod.UID {
		return
	}
	current.Status.Phase = status.Phase
	current.Status.PodIP, current.Status.PodIPs = status.PodIP, status.PodIPs
	current.Status.HostIP, current.Status.HostIPs = status.HostIP, status.HostIPs
	current.Status.StartTime = status.StartTime
	current.Status.ContainerStatuses = status.ContainerStatuses
	for _, condition := range status.Conditions {
		setCondition(&current.Status, condition)
	}
	if _, err := pods.UpdateStatus(context.Background(), current, metav1.UpdateOptions{}); err == nil {
		r.reported = status
	}
}

func setCondition(status *corev1.PodStatus, wanted corev1.PodCondition) {
	for index, old := range status.Conditions {
		if old.Type != wanted.Type {
			continue
		}
		if old.Status == wanted.Status {
			return
		}
		wanted.LastTransitionTime = metav1.Now()
		status.Conditions[index] = wanted
		return
	}
	wanted.LastTransitionTime = metav1.Now()
	status.Conditions = append(status.Conditions, wanted)
}

func (r *podRun) status() corev1.PodStatus {
	start := metav1.NewTime(r.began.Truncate(time.Second))
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &start,
		PodIP: r.address, PodIPs: []corev1.PodIP{{IP: r.address}},
		HostIP: r.node.address, HostIPs: []corev1.HostIP{{IP: r.node.address}},
	}
	ready, ended, failed := true, 0, false
	for _, one := range r.containers {
		container := one.status()
		status.ContainerStatuses = append(status.ContainerStatuses, container)
		ready = ready && container.Ready
		if container.State.Terminated != nil {
			ended++
			failed = failed || container.State.Terminated.ExitCode != 0
		}
	}
	if ended == len(r.containers) && r.pod.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		status.Phase = corev1.PodSucceeded
		if failed {
			status.Phase = corev1.PodFailed
		}
	}
	is := map[bool]corev1.ConditionStatus{true: corev1.ConditionTrue, false: corev1.ConditionFalse}
	status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
		{Type: corev1.ContainersReady, Status: is[ready]},
		{Type: corev1.PodReady, Status: is[ready]},
	}
	return status
}

// keep starts the container, and again when it ends, as the restart policy says.
func (c *containerRun) keep() {
	backoff := 250 * time.Millisecond
	first := readPid(c.folder) == 0
	for {
		if first {
			if err := c.launch(); err != nil {
				log.Printf("pod %s: %v", c.pod.pod.Name, err)
				c.waiting = "CreateContainerConfigError"
				time.Sleep(time.Second)
				if c.pod.isEnding() {
					return
				}
				continue
			}
		}
		first = true
		c.waiting = ""
		began := time.Now()
		code, done := c.exited()
		for !done {
			time.Sleep(tick)
			code, done = c.exited()
		}
		reason := "Completed"
		if code != 0 {
			reason = "Error"
		}
		c.ready = false
		c.last = &corev1.ContainerStateTerminated{
			ExitCode: int32(code), Reason: reason, StartedAt: metav1.NewTime(began), FinishedAt: metav1.Now(),
		}
		policy := c.pod.pod.Spec.RestartPolicy
		if c.pod.isEnding() || policy == corev1.RestartPolicyNever || (policy == corev1.RestartPolicyOnFailure && code == 0) {
			c.done = true
			return
		}
		if time.Since(began) > 10*time.Second {
			backoff = 250 * time.Millisecond
		}
		c.waiting = "CrashLoopBackOff"
		time.Sleep(backoff)
		backoff = min(2*backoff, longestBackoff)
		if c.pod.isEnding() {
			return
		}
		c.restarts++
	}
}

func (r *podRun) isEnding() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.grace != nil
}
