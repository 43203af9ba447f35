namespace VhostSwitch.Switching;

/// <summary>What a bridge is to be.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Table">Its addresses; stays as long as any poll thread knows the bridge.</param>
/// <param name="Ports">Its ports.</param>
public sealed record BridgeOptions(string Name, MacTable Table, IReadOnlyList<BridgePortOptions> Ports)
{
    /// <summary>Its mirrors.</summary>
    public IReadOnlyList<MirrorOptions> Mirrors { get; init; } = [];

    /// <summary>VLANs in which nothing is learned, so that every frame goes to all ports.</summary>
    public IReadOnlyList<int> FloodVlans { get; init; } = [];

    /// <summary>True to forward frames that are for the neighbouring switch.</summary>
    public bool ForwardsReserved { get; init; }
}

/// <summary>What a port of a bridge is to be.</summary>
/// <param name="Name">Its name, unique in the switch.</param>
/// <param name="Id">Its number in the data plane.</param>
public sealed record BridgePortOptions(string Name, ushort Id)
{
    /// <summary>How it treats tags.</summary>
    public VlanMode Mode { get; init; } = VlanMode.Trunk;

    /// <summary>The VLAN of frames without tag, or that of the outer tag of a tunnel; no meaning for a trunk.</summary>
    public ushort Tag { get; init; }

    /// <summary>The VLANs that a trunk carries; empty for all.</summary>
    public IReadOnlyList<int> Trunks { get; init; } = [];

    /// <summary>The inner VLANs that a tunnel carries; empty for all.</summary>
    public IReadOnlyList<int> CustomerVlans { get; init; } = [];

    /// <summary>The type of a tunnel's outer tag.</summary>
    public ushort TunnelType { get; init; } = 0x88a8;

    /// <summary>Whether frames leave with tags of VLAN 0.</summary>
    public PriorityTags PriorityTags { get; init; }

    /// <summary>True for a port whose frames do not go to other such ports.</summary>
    public bool IsProtected { get; init; }

    /// <summary>The patch port, by name, that this one leads to and that leads here; null for a port with queues.</summary>
    public string? Peer { get; init; }

    /// <summary>Limits what it may bring in; null for no limit.</summary>
    public Policer? Policer { get; init; }
}

/// <summary>A mirror: copies of frames of some ports.</summary>
public sealed record MirrorOptions
{
    /// <summary>The most mirrors of a bridge, as with Open vSwitch: one bit each.</summary>
    public const int Most = 32;

    /// <summary>The ports, by name, whose incoming frames it takes; null for all.</summary>
    public IReadOnlyList<string>? SourcePorts { get; init; } = [];

    /// <summary>The ports, by name, whose outgoing frames it takes; null for all.</summary>
    public IReadOnlyList<string>? DestinationPorts { get; init; } = [];

    /// <summary>The VLANs it takes frames of; empty for all.</summary>
    public IReadOnlyList<int> Vlans { get; init; } = [];

    /// <summary>The port, by name, that gets the copies and carries nothing else; null where they go to a VLAN.</summary>
    public string? OutputPort { get; init; }

    /// <summary>The VLAN that gets the copies, where there is no output port.</summary>
    public ushort OutputVlan { get; init; }

    /// <summary>The most bytes of a copy; 0 for all.</summary>
    public ushort SnapLength { get; init; }
}
