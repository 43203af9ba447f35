namespace VhostSwitch.Switching;

/// <summary>A mirror of a bridge of a <see cref="BridgeSet"/>.</summary>
internal sealed class Mirror
{
    private readonly MirrorOptions _options;
    private readonly VlanSet? _vlans;

    public Mirror(MirrorOptions options, BridgePort[] ports)
    {
        _options = options;
        if (options.Vlans.Count > 0) _vlans = new VlanSet(options.Vlans);
        Output = ports.FirstOrDefault(port => port.Options.Name == options.OutputPort);
    }

    /// <summary>The port that gets the copies; null where a VLAN does.</summary>
    public BridgePort? Output { get; }

    /// <summary>True where the copies are for a VLAN.</summary>
    public bool IsForVlan => _options.OutputPort is null;

    public ushort OutputVlan => _options.OutputVlan;

    public ushort SnapLength => _options.SnapLength;

    /// <summary>The mirrors with the same destination, a bit each; this one among them.</summary>
    public uint SameDestination { get; set; }

    public bool Selects(ushort vlan) => _vlans is null || _vlans.Contains(vlan);

    public bool SelectsFrom(BridgePort port) => _options.SourcePorts?.Contains(port.Options.Name) ?? true;

    public bool SelectsTo(BridgePort port) => _options.DestinationPorts?.Contains(port.Options.Name) ?? true;

    public bool LeadsWhere(Mirror other) => Output == other.Output && IsForVlan == other.IsForVlan && (!IsForVlan || OutputVlan == other.OutputVlan);
}
