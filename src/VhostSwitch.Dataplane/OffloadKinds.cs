namespace VhostSwitch.Dataplane;

/// <summary>What may be left undone in a frame: by a sender, or for a receiver that takes it so.</summary>
[Flags]
public enum OffloadKinds
{
    /// <summary>Nothing: ordinary frames alone.</summary>
    None = 0,

    /// <summary>A checksum is not finished. All other kinds need this one.</summary>
    Checksum = 1 << 0,

    /// <summary>Large TCP segments over IPv4.</summary>
    Tso4 = 1 << 1,

    /// <summary>Large TCP segments over IPv6.</summary>
    Tso6 = 1 << 2,

    /// <summary>Large TCP segments with explicit congestion notification, beside <see cref="Tso4"/> or <see cref="Tso6"/>.</summary>
    Ecn = 1 << 3,

    /// <summary>Large UDP datagrams that become fragments of IP.</summary>
    Ufo = 1 << 4,

    /// <summary>Large UDP payloads that become datagrams.</summary>
    Uso = 1 << 5,

    /// <summary>Everything that Linux knows.</summary>
    All = Checksum | Tso4 | Tso6 | Ecn | Ufo | Uso,
}
