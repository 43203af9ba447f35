namespace VhostSwitch.Switching;

/// <summary>How frames of one guest reach another: DPDK's <c>--vm2vm</c>. The values are those of the option.</summary>
public enum Vm2Vm
{
    /// <summary>Not at all: every frame goes to the uplink.</summary>
    Off = 0,

    /// <summary>The switch looks their addresses up.</summary>
    Software = 1,

    /// <summary>As the uplink's own switch would bring them back: with the receiver's tag. No uplink here has one, so this switch does it.</summary>
    Hardware = 2,
}

/// <summary>What vmdq mode does.</summary>
/// <param name="Vm2Vm">How guests reach each other.</param>
/// <param name="StripsTags">True where guests get frames without the tag of their pool: <c>--vlan-strip 1</c>.</param>
/// <param name="Promiscuous">True where pools take group addresses: <c>-P</c>.</param>
public sealed record VmdqOptions(Vm2Vm Vm2Vm = Vm2Vm.Software, bool StripsTags = true, bool Promiscuous = false);
