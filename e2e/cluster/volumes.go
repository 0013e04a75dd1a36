package main

import (
	"fmt"
	"os"
	"strings"
)

// Enough claims for all stories of a run; each is a folder and costs nothing until it is used.
const volumes = 160

// makeVolumes makes a default StorageClass of local volumes. Local ones honour fsGroup, so that a pod that is not root
// can write; hostPath ones do not.
func (c *cluster) makeVolumes() error {
	var manifests strings.Builder
	manifests.WriteString(storageClass)
	for number := range volumes {
		folder := c.path("volumes", fmt.Sprintf("v%03d", number))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		fmt.Fprintf(&manifests, volume, number, folder, nodeName)
	}
	_, err := c.kubectl(manifests.String(), "create", "-f", "-")
	return err
}

const storageClass = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: local
  annotations: { storageclass.kubernetes.io/is-default-class: "true" }
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`

const volume = `---
apiVersion: v1
kind: PersistentVolume
metadata: { name: local-%03d }
spec:
  storageClassName: local
  capacity: { storage: 100Gi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: { path: %s }
  nodeAffinity:
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [%s] }] }] }
`
