namespace VhostSwitch.Switching;

/// <summary>How a port treats VLAN tags.</summary>
public enum VlanMode
{
    /// <summary>Frames of one VLAN, without tag.</summary>
    Access,

    /// <summary>Frames of several VLANs, with their tags.</summary>
    Trunk,

    /// <summary>A trunk; frames without tag belong to one VLAN, and leave with its tag.</summary>
    NativeTagged,

    /// <summary>A trunk; frames without tag belong to one VLAN, and leave without tag.</summary>
    NativeUntagged,

    /// <summary>Frames get an outer tag.</summary>
    Dot1qTunnel,
}

/// <summary>Whether frames leave with a tag of VLAN 0, which has a priority alone.</summary>
public enum PriorityTags
{
    /// <summary>Not by ports that take a tag off. By others such a tag stays where its priority is not 0.</summary>
    Never,

    /// <summary>Where their priority is not 0.</summary>
    IfNonzero,

    /// <summary>Such a tag stays, whatever its priority.</summary>
    Always,
}
