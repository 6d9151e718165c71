package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// makeVolumes gives each volume of the pod a folder on the node; Secrets and ConfigMaps as they are now.
func (r *podRun) makeVolumes() (map[string]string, error) {
	paths := map[string]string{}
	for _, volume := range r.pod.Spec.Volumes {
		path := fmt.Sprintf("%s/volumes/%s", r.folder, volume.Name)
		switch {
		case volume.HostPath != nil:
			path = volume.HostPath.Path
			if err := os.MkdirAll(path, 0o755); err != nil {
				return nil, err
			}
		case volume.Secret != nil:
			secret, err := r.node.client.CoreV1().Secrets(r.pod.Namespace).Get(context.Background(), volume.Secret.SecretName, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			if err := writeFiles(path, secret.Data, volume.Secret.Items, volume.Secret.DefaultMode); err != nil {
				return nil, err
			}
		case volume.ConfigMap != nil:
			config, err := r.node.client.CoreV1().ConfigMaps(r.pod.Namespace).Get(context.Background(), volume.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			data := map[string][]byte{}
			for key, value := range config.Data {
				data[key] = []byte(value)
			}
			if err := writeFiles(path, data, volume.ConfigMap.Items, volume.ConfigMap.DefaultMode); err != nil {
				return nil, err
			}
		case volume.EmptyDir != nil:
			if err := os.MkdirAll(path, 0o777); err != nil {
				return nil, err
			}
			_ = os.Chmod(path, 0o777)
		case volume.Projected != nil:
			// The token of the service account is left out: a pod that asks the API brings one in a Secret.
			if err := os.MkdirAll(path, 0o755); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("the lab does not know the kind of volume %s", volume.Name)
		}
		paths[volume.Name] = path
	}
	return paths, nil
}

func writeFiles(folder string, data map[string][]byte, items []corev1.KeyToPath, mode *int32) error {
	permissions := os.FileMode(0o644)
	if mode != nil {
		permissions = os.FileMode(*mode)
	}
	names := map[string]string{}
	for key := range data {
		names[key] = key
	}
	if len(items) > 0 {
		names = map[string]string{}
		for _, item := range items {
			names[item.Key] = item.Path
		}
	}
	for key, name := range names {
		content, found := data[key]
		if !found {
			return fmt.Errorf("references non-existent key: %s", key)
		}
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, permissions); err != nil {
			return err
		}
		_ = os.Chmod(path, permissions)
	}
	return os.MkdirAll(folder, 0o755)
}

// mounts of one container; a subPathExpr may name the pod, so that each has a folder of its own.
func (r *podRun) mounts(container *corev1.Container, values map[string]string) ([]mountSpec, error) {
	found := []mountSpec{}
	for _, mount := range container.VolumeMounts {
		if mount.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" {
			continue
		}
		from := r.volumes[mount.Name]
		if below := mount.SubPath + expand(mount.SubPathExpr, values); below != "" {
			from = filepath.Join(from, below)
			if _, err := os.Stat(from); err != nil {
				if err := os.MkdirAll(from, 0o755); err != nil {
					return nil, err
				}
				if user := userOf(r.pod, container); user != nil {
					_ = os.Chown(from, int(*user), -1)
				}
			}
		}
		found = append(found, mountSpec{From: from, To: mount.MountPath, ReadOnly: mount.ReadOnly})
	}
	return found, nil
}

func userOf(pod *corev1.Pod, container *corev1.Container) *int64 {
	if container.SecurityContext != nil && container.SecurityContext.RunAsUser != nil {
		return container.SecurityContext.RunAsUser
	}
	if pod.Spec.SecurityContext != nil {
		return pod.Spec.SecurityContext.RunAsUser
	}
	return nil
}

func groupOf(pod *corev1.Pod, container *corev1.Container) *int64 {
	if container.SecurityContext != nil && container.SecurityContext.RunAsGroup != nil {
		return container.SecurityContext.RunAsGroup
	}
	if pod.Spec.SecurityContext != nil && pod.Spec.SecurityContext.RunAsGroup != nil {
		return pod.Spec.SecurityContext.RunAsGroup
	}
	return userOf(pod, container)
}
