namespace VhostSwitch.Switching;

/// <summary>A bridge of a <see cref="BridgeSet"/>.</summary>
internal sealed class Bridge
{
    private readonly VlanSet? _floodVlans;

    public Bridge(BridgeOptions options)
    {
        Table = options.Table;
        ForwardsReserved = options.ForwardsReserved;
        Ports = [.. options.Ports.Select(port => new BridgePort(this, port))];
        Mirrors = [.. options.Mirrors.Take(MirrorOptions.Most).Select(mirror => new Mirror(mirror, Ports))];
        for (int i = 0; i < Mirrors.Length; i++)
        {
            // A port gets one copy of a frame, and a VLAN does, however many mirrors lead there.
            for (int k = 0; k < Mirrors.Length; k++)
            {
                if (Mirrors[k].LeadsWhere(Mirrors[i])) Mirrors[i].SameDestination |= 1u << k;
            }
            foreach (var port in Ports)
            {
                if (Mirrors[i].SelectsFrom(port)) port.SourceMirrors |= 1u << i;
                if (Mirrors[i].SelectsTo(port)) port.DestinationMirrors |= 1u << i;
                port.IsMirrorOutput |= Mirrors[i].Output == port;
            }
        }
        if (options.FloodVlans.Count > 0) _floodVlans = new VlanSet(options.FloodVlans);
        IsPlain = Mirrors.Length == 0 && _floodVlans is null && Ports.All(port => port.IsPlain);
    }

    public MacTable Table { get; }

    public BridgePort[] Ports { get; }

    public Mirror[] Mirrors { get; }

    public bool ForwardsReserved { get; }

    /// <summary>True where every frame goes as it is, within its VLAN, and by its addresses alone.</summary>
    public bool IsPlain { get; }

    /// <summary>True in a VLAN where addresses are learned.</summary>
    public bool Learns(ushort vlan) => _floodVlans is null || !_floodVlans.Contains(vlan);
}
