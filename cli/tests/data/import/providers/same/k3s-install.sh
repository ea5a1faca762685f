curl -sfL https://get.k3s.io | INSTALL_K3S_EXEC="agent --kubelet-arg=kube-reserved=memory=1Gi --kubelet-arg system-reserved=memory=256Mi --kubelet-arg 'eviction-hard=memory.available<5%'" sh -
