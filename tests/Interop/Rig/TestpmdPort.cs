namespace VhostSwitch.Interop.Rig;

/// <summary>A port of dpdk-testpmd, in the words of its --vdev option.</summary>
internal abstract record TestpmdPort
{
    /// <param name="index">The port's number within the program.</param>
    public abstract string ToVdev(int index);
}

/// <summary>The guest side of a vhost-user socket: a virtio driver in a process.</summary>
internal sealed record VirtioUserPort(string Path, string Mac) : TestpmdPort
{
    public int Queues { get; init; } = 1;

    public int QueueSize { get; init; } = 256;

    public bool Mergeable { get; init; } = true;

    public bool InOrder { get; init; } = true;

    public bool Packed { get; init; }

    public bool Vectorized { get; init; }

    /// <summary>The port serves the socket, and the switch connects to it.</summary>
    public bool Server { get; init; }

    public override string ToVdev(int index) =>
        $"virtio_user{index},mac={Mac},path={Path},queues={Queues},queue_size={QueueSize}"
        + $",mrg_rxbuf={Digit(Mergeable)},in_order={Digit(InOrder)},packed_vq={Digit(Packed)},vectorized={Digit(Vectorized)}"
        + (Server ? ",server=1" : "");

    private static char Digit(bool on) => on ? '1' : '0';
}

/// <summary>The switch's side of a vhost-user socket, as DPDK does it: a counterpart for our own guests, and a control for the rig.</summary>
internal sealed record NetVhostPort(string Path) : TestpmdPort
{
    public int Queues { get; init; } = 1;

    /// <summary>Connects to the socket in place of serving it.</summary>
    public bool Client { get; init; }

    /// <summary>Passes large segments on as they are: only with the former meaning of its flags does a frame keep them from one port to the next.</summary>
    public bool Segmentation { get; init; }

    public override string ToVdev(int index) =>
        $"net_vhost{index},iface={Path},queues={Queues}" + (Client ? ",client=1" : "") + (Segmentation ? ",tso=1,legacy-ol-flags=1" : "");
}

/// <summary>An interface of a network namespace, as DPDK takes it.</summary>
/// <param name="Driver">net_af_packet or net_af_xdp.</param>
internal sealed record InterfacePort(string Driver, string Interface) : TestpmdPort
{
    public override string ToVdev(int index) => $"{Driver}{index},iface={Interface}";
}

/// <summary>A port that only this project's testpmd has, or has so.</summary>
/// <param name="Driver">The driver's name.</param>
/// <param name="Arguments">Its arguments, the comma before them included.</param>
internal sealed record OwnPort(string Driver, string Arguments) : TestpmdPort
{
    public override string ToVdev(int index) => $"{Driver}{index}{Arguments}";
}
