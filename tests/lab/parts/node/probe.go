package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe keeps `ready` true to the readiness probe and ends the container when its liveness probe fails.
func (c *containerRun) probe() {
	ready, live := prober{probe: c.spec.ReadinessProbe}, prober{probe: c.spec.LivenessProbe}
	var seen time.Time
	for !c.pod.isEnding() {
		time.Sleep(tick)
		if !c.isUp() {
			c.ready = false
			continue
		}
		if !seen.Equal(c.started) {
			seen = c.started
			ready.reset(seen)
			live.reset(seen)
		}
		if c.spec.ReadinessProbe == nil {
			c.ready = true
		} else if result, due := ready.next(c); due {
			c.ready = result
		}
		if c.spec.LivenessProbe != nil {
			if result, due := live.next(c); due && !result {
				c.end(0)
			}
		}
	}
}

// prober counts the results of one probe in a row.
type prober struct {
	probe     *corev1.Probe
	due       time.Time
	good, bad int32
}

func (p *prober) reset(started time.Time) {
	p.good, p.bad = 0, 0
	if p.probe != nil {
		p.due = started.Add(time.Duration(p.probe.InitialDelaySeconds) * time.Second)
	}
}

// next probes when it is time; the second value says whether there is a verdict.
func (p *prober) next(c *containerRun) (bool, bool) {
	if time.Now().Before(p.due) {
		return false, false
	}
	p.due = time.Now().Add(time.Duration(max(1, p.probe.PeriodSeconds)) * time.Second)
	timeout := time.Duration(max(1, p.probe.TimeoutSeconds)) * time.Second
	if c.try(p.probe.ProbeHandler, timeout) {
		p.good, p.bad = p.good+1, 0
		return true, p.good >= max(1, p.probe.SuccessThreshold)
	}
	p.good, p.bad = 0, p.bad+1
	return false, p.bad >= max(1, p.probe.FailureThreshold)
}

func (c *containerRun) try(handler corev1.ProbeHandler, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	switch {
	case handler.Exec != nil:
		plain := c.command(handler.Exec.Command)
		bounded := exec.CommandContext(ctx, plain.Path, plain.Args[1:]...)
		bounded.Env = plain.Env
		return bounded.Run() == nil
	case handler.TCPSocket != nil:
		connection, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", c.pod.address, c.port(handler.TCPSocket.Port)), timeout)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	case handler.HTTPGet != nil:
		return c.get(ctx, handler.HTTPGet)
	}
	return true
}

func (c *containerRun) get(ctx context.Context, action *corev1.HTTPGetAction) bool {
	scheme := "http"
	if action.Scheme == corev1.URISchemeHTTPS {
		scheme = "https"
	}
	url := fmt.Sprintf("%s://%s:%d%s", scheme, c.pod.address, c.port(action.Port), action.Path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // as a kubelet does
		DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode >= 200 && response.StatusCode < 400
}

func (c *containerRun) port(port intstr.IntOrString) int32 {
	if port.Type == intstr.Int {
		return port.IntVal
	}
	for _, one := range c.spec.Ports {
		if one.Name == port.StrVal {
			return one.ContainerPort
		}
	}
	return 0
}
