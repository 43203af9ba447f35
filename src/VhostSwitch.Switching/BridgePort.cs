namespace VhostSwitch.Switching;

/// <summary>A port of a bridge of a <see cref="BridgeSet"/>: which frames it takes, and how they leave by it (VLAN modes of ovs-vswitchd.conf.db(5)).</summary>
internal sealed class BridgePort
{
    private readonly VlanMode _mode;
    private readonly ushort _tag;
    private readonly PriorityTags _priorityTags;

    // Of a trunk those it carries, of a tunnel the inner ones; null for all.
    private readonly VlanSet? _vlans;

    public BridgePort(Bridge bridge, BridgePortOptions options)
    {
        Bridge = bridge;
        Options = options;
        _mode = options.Mode;
        _tag = options.Tag;
        _priorityTags = options.PriorityTags;
        IsProtected = options.IsProtected;
        Policer = options.Policer;
        _vlans = _mode switch
        {
            VlanMode.Trunk => SetOf(options.Trunks),
            // Its own VLAN belongs to it, and frames without a tag are never without a VLAN.
            VlanMode.NativeTagged or VlanMode.NativeUntagged when _tag != 0 =>
                new VlanSet([.. (options.Trunks.Count > 0 ? options.Trunks : Enumerable.Range(0, VlanSet.VlanCount)).Where(vlan => vlan != 0), _tag]),
            VlanMode.NativeTagged or VlanMode.NativeUntagged => SetOf(options.Trunks),
            VlanMode.Dot1qTunnel => SetOf(options.CustomerVlans),
            _ => null,
        };
    }

    public Bridge Bridge { get; }

    public BridgePortOptions Options { get; }

    public ushort Id => Options.Id;

    public bool IsProtected { get; }

    public Policer? Policer { get; }

    /// <summary>The other end of a patch; null for a port with queues, and for a patch without another end.</summary>
    public BridgePort? Peer { get; set; }

    /// <summary>The mirrors that take its incoming frames, a bit each.</summary>
    public uint SourceMirrors { get; set; }

    /// <summary>The mirrors that take its outgoing frames, a bit each.</summary>
    public uint DestinationMirrors { get; set; }

    /// <summary>True where it takes nothing and gives copies alone.</summary>
    public bool IsMirrorOutput { get; set; }

    /// <summary>True where all frames come and go as they are.</summary>
    public bool IsPlain => _mode == VlanMode.Trunk && _vlans is null && _priorityTags == PriorityTags.Never && !IsProtected
        && Policer is null && Options.Peer is null;

    /// <summary>True where a frame may come in.</summary>
    /// <param name="came">Its tags.</param>
    public bool Takes(in VlanTags came)
    {
        ushort vlan = came.Outer.Vlan;
        return _mode switch
        {
            VlanMode.Access => vlan == 0,
            VlanMode.NativeTagged or VlanMode.NativeUntagged when vlan == 0 => true,
            _ => _vlans is null || _vlans.Contains(vlan),
        };
    }

    /// <summary>The tags of a frame within the bridge, of which the outer one says its VLAN.</summary>
    /// <param name="came">Its tags as it came in.</param>
    public VlanTags Inside(in VlanTags came) => _mode switch
    {
        VlanMode.Access => new VlanTags { Outer = came.Outer.With(_tag) },
        VlanMode.NativeTagged or VlanMode.NativeUntagged when came.Outer.Vlan == 0 => came with { Outer = came.Outer.With(_tag) },
        VlanMode.Dot1qTunnel => new VlanTags { Outer = new VlanHeader { Type = Options.TunnelType, Control = _tag }, Inner = came.Outer },
        _ => came,
    };

    /// <summary>True where frames of a VLAN leave by it.</summary>
    /// <param name="inside">The frame's tags within the bridge.</param>
    public bool Carries(in VlanTags inside) => _mode switch
    {
        VlanMode.Access => inside.Outer.Vlan == _tag && inside.Inner.Vlan == 0,
        VlanMode.Dot1qTunnel => inside.Outer.Vlan == _tag && (_vlans is null || _vlans.Contains(inside.Inner.Vlan)),
        _ => _vlans is null || _vlans.Contains(inside.Outer.Vlan),
    };

    /// <summary>The tags with which a frame leaves.</summary>
    /// <param name="inside">Its tags within the bridge.</param>
    /// <param name="came">Its tags as it came into the bridge.</param>
    public VlanTags Leaving(in VlanTags inside, in VlanTags came)
    {
        var leaving = _mode switch
        {
            VlanMode.Access => default,
            VlanMode.NativeUntagged when inside.Outer.Vlan == _tag => new VlanTags { Outer = inside.Inner },
            VlanMode.Dot1qTunnel => new VlanTags { Outer = inside.Inner },
            _ => inside,
        };
        if (_priorityTags != PriorityTags.Never) leaving.Outer.Control = (ushort)(leaving.Outer.Vlan | came.Outer.Priority);
        leaving.Outer = Kept(leaving.Outer);
        leaving.Inner = leaving.Outer.Type == 0 ? default : Kept(leaving.Inner);
        return leaving;
    }

    // A tag of VLAN 0 and priority 0 says nothing.
    private VlanHeader Kept(in VlanHeader tag)
    {
        if (tag.Control != 0) return tag.With(tag.Vlan);
        return _priorityTags == PriorityTags.Always ? tag : default;
    }

    private static VlanSet? SetOf(IReadOnlyList<int> vlans) => vlans.Count == 0 ? null : new VlanSet(vlans);
}
