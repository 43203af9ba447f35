namespace VhostSwitch.Switching;

/// <summary>Destinations that are for the neighbouring switch, and which a bridge does not forward (<c>forward-bpdu</c> in ovs-vswitchd.conf.db(5)).</summary>
internal static class ReservedAddresses
{
    // 01-80-c2-00-00-00 to -0f (IEEE 802.1Q, 8.6.3). First byte lowest, here and below.
    private const ulong Standard = 0x0000_00c2_8001;
    private const ulong StandardMask = 0xf0ff_ffff_ffff;

    // Cisco's, beginning with 01-00-0c: connectivity checks are -cc-cc-c0 to -c7.
    private const ulong Cisco = 0x0c_0001;
    private const ulong VendorMask = 0xff_ffff;
    private const ulong CiscoChecks = 0xc0cc_cc0c_0001;
    private const ulong CiscoChecksMask = 0xf8ff_ffff_ffff;

    // Extreme's, which are no groups: discovery, and two of rings.
    private const ulong Discovery = 0x0000_002b_e000, Ring = 0x0400_002b_e000, RingPeer = 0x0600_002b_e000;

    /// <summary>True for such a group.</summary>
    /// <param name="group">A group address, first byte lowest.</param>
    public static bool IsReservedGroup(ulong group)
    {
        if ((group & StandardMask) == Standard) return true;
        return (group & VendorMask) == Cisco
            && ((group & CiscoChecksMask) == CiscoChecks || group is 0xcccc_cc0c_0001 or 0xcdcc_cc0c_0001 or 0xcdcd_cd0c_0001 or Cisco);
    }

    /// <summary>True for such an address of one device.</summary>
    /// <param name="address">An address that is no group, first byte lowest.</param>
    public static bool IsReservedDevice(ulong address) => address is Discovery or Ring or RingPeer;
}
