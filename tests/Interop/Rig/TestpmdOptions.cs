namespace VhostSwitch.Interop.Rig;

/// <summary>One dpdk-testpmd: its ports, its forwarding and what it sends.</summary>
internal sealed record TestpmdOptions
{
    public required IReadOnlyList<TestpmdPort> Ports { get; init; }

    /// <summary>What it is in the test, for messages.</summary>
    public string Title { get; init; } = "testpmd";

    /// <summary>True for this project's testpmd, which takes the same options and commands; false for DPDK's.</summary>
    public bool Own { get; init; }

    /// <summary>The network namespace it is started in; null for the host's.</summary>
    public NetworkNamespace? Namespace { get; init; }

    /// <summary>The core that forwards. The switch polls core 0.</summary>
    public int Core { get; init; } = Environment.ProcessorCount > 1 ? 1 : 0;

    /// <summary>io, mac, macswap, rxonly, txonly, csum, icmpecho, flowgen.</summary>
    public string ForwardMode { get; init; } = "mac";

    /// <summary>The lengths of a sent frame's segments, in bytes; one number for a frame in one piece.</summary>
    public IReadOnlyList<int> SegmentLengths { get; init; } = [64];

    public int Burst { get; init; } = 32;

    /// <summary>Receive and transmit queues of each port.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Descriptors of each queue.</summary>
    public int Descriptors { get; init; } = 256;

    /// <summary>DPDK's default of 2048 bytes of data and 128 of headroom.</summary>
    public int MbufSize { get; init; } = 2176;

    /// <summary>The destination address of what each port sends, in the order of the ports (mac forwarding).</summary>
    public IReadOnlyList<string> Peers { get; init; } = [];

    /// <summary>The program's memory. Without huge pages it is a memfd of 4 KiB pages, which works everywhere.</summary>
    public bool HugePages { get; init; }

    public IReadOnlyList<string> MoreEalOptions { get; init; } = [];

    public IReadOnlyList<string> MoreOptions { get; init; } = [];

    /// <summary>
    /// Enough buffers for full rings and what is on its way: a receive descriptor holds one, a transmit descriptor, which may be
    /// indirect and is cleaned only when the ring is short of descriptors, as many as a frame has segments.
    /// </summary>
    private int Mbufs => Math.Max(8192, Ports.Count * Queues * Descriptors * (1 + SegmentLengths.Count) + 4096);

    private int MemoryMiB => 128 + (int)((long)Mbufs * (MbufSize + 256) >> 20);

    /// <param name="prefix">A name that no other DPDK program on this machine uses.</param>
    public IEnumerable<string> ToArguments(string prefix)
    {
        List<string> arguments = ["--lcores", $"0@{Core},1@{Core}", "--main-lcore", "0", "--no-pci", "--no-telemetry", "--file-prefix", prefix];
        string? hugeFolder = HugePages ? Rig.HugePages.FolderWith(MemoryMiB) : null;
        // A vhost-user message carries at most eight memory descriptors: one file per memory segment, not one per page.
        arguments.AddRange(hugeFolder is null
            ? ["--no-huge", "-m", $"{MemoryMiB}"]
            : ["--huge-dir", hugeFolder, "--single-file-segments", "-m", $"{MemoryMiB}"]);
        for (int i = 0; i < Ports.Count; i++)
            arguments.Add($"--vdev={Ports[i].ToVdev(i)}");
        // Says which of its paths the driver takes.
        arguments.Add("--log-level=pmd.net.virtio.*:info");
        // The packed ring is vectorised for AVX-512 only, which DPDK does not use unasked.
        if (Ports.Any(port => port is VirtioUserPort { Packed: true, Vectorized: true }))
            arguments.Add("--force-max-simd-bitwidth=512");
        arguments.AddRange(MoreEalOptions);
        arguments.AddRange(["--", "-i", "--nb-cores=1", "--no-mlockall", $"--forward-mode={ForwardMode}", $"--burst={Burst}"]);
        arguments.AddRange([$"--rxq={Queues}", $"--txq={Queues}", $"--rxd={Descriptors}", $"--txd={Descriptors}"]);
        arguments.AddRange([$"--total-num-mbufs={Mbufs}", $"--mbuf-size={MbufSize}", $"--txpkts={string.Join(',', SegmentLengths)}"]);
        for (int i = 0; i < Peers.Count; i++)
            arguments.Add($"--eth-peer={i},{Peers[i]}");
        arguments.AddRange(MoreOptions);
        return arguments;
    }
}
