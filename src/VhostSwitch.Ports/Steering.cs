using VhostSwitch.Packets;

namespace VhostSwitch.Ports;

/// <summary>A pool of vmdq mode: what is for one device.</summary>
/// <param name="Address">The device's address.</param>
/// <param name="Vlan">The VLAN id of its tag.</param>
public readonly record struct Pool(MacAddress Address, ushort Vlan);

/// <summary>
/// Who sorts the uplink's frames into pools. The switch looks at every frame in any case; an interface that sorts spreads them over its queues by
/// pool.
/// </summary>
/// <param name="ByHardware">True where the interface sorts for every pool.</param>
/// <param name="Reason">What it does, or why it does not.</param>
public sealed record Steering(bool ByHardware, string Reason);
