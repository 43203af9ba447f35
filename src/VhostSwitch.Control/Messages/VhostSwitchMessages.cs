using VhostSwitch.Packets;

namespace VhostSwitch.Control.Messages;

/// <summary>The lines that DPDK's example prints while it runs, as its documents show them: people and scripts search for these words.</summary>
public static class VhostSwitchMessages
{
    /// <summary>A poll thread has started. DPDK's early editions write "Procesing".</summary>
    /// <param name="core">The processor it polls on.</param>
    public static string PollingStarted(int core) => $"Processing on Core {core} started";

    /// <summary>A device is there and its queues are polled.</summary>
    /// <param name="device">The device's number.</param>
    /// <param name="core">The processor that polls it.</param>
    public static string DeviceAdded(int device, int core) => $"({device}) Device has been added to data core {core}";

    /// <summary>A device is gone.</summary>
    /// <param name="device">The device's number.</param>
    public static string DeviceRemoved(int device) => $"({device}) Device has been removed from data core";

    /// <summary>The address of a device has been learned.</summary>
    /// <param name="device">The device's number.</param>
    /// <param name="address">Its address.</param>
    /// <param name="vlan">Its VLAN tag; 0 where the switch works without tags.</param>
    public static string MacRegistered(int device, MacAddress address, int vlan) =>
        $"DATA: ({device}) MAC_ADDRESS {address} and VLAN_TAG {vlan} registered";

    /// <summary>A device sends with the address of another, which keeps it (vmdq mode).</summary>
    /// <param name="device">The number of the device that came later.</param>
    public static string DuplicateMac(int device) => $"({device}) WARNING: This device is using an existing MAC address and has not been registered.";
}
