"Kernels in other environments: finding and making those, kernelspecs, lent kernels, spare processes, the server extension."
