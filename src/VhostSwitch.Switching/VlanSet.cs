namespace VhostSwitch.Switching;

/// <summary>Some VLANs, 0 among them for frames without a tag.</summary>
public sealed class VlanSet
{
    /// <summary>How many VLANs there are.</summary>
    public const int VlanCount = 4096;

    private readonly ulong[] _bits = new ulong[VlanCount / 64];

    /// <summary>Makes a set.</summary>
    /// <param name="vlans">Its VLANs; numbers that are none are left out.</param>
    public VlanSet(IEnumerable<int> vlans)
    {
        foreach (int vlan in vlans.Where(vlan => vlan is >= 0 and < VlanCount))
            _bits[vlan / 64] |= 1UL << (vlan % 64);
    }

    /// <summary>True for a VLAN of the set.</summary>
    /// <param name="vlan">The VLAN.</param>
    public bool Contains(int vlan) => (_bits[vlan / 64] >> (vlan % 64) & 1) != 0;
}
