using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// Has an interface sort frames by destination address and VLAN id into its queues: what <c>ethtool -N eth1 flow-type ether dst … vlan … action
/// …</c> does. Not yet run on hardware.
/// </summary>
/// <param name="ethtool">Who talks to the interface's driver.</param>
public sealed class FlowSteering(Ethtool ethtool)
{
    private const int AddressLength = 6;
    private const int LastVlan = 4094;

    /// <summary>Why an interface cannot sort frames into queues.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <returns>A sentence; null where it can, as far as it tells before a rule is tried.</returns>
    public string? WhyNot(string interfaceName)
    {
        if (ethtool.Queues(interfaceName) is { Now: 1 }) return $"{interfaceName} has one queue, so there is nothing to sort";
        return ethtool.AskForRules(interfaceName) == 0 ? null : $"{interfaceName} cannot sort frames into queues{Ntuple(interfaceName)}";
    }

    /// <summary>Sends frames to a queue.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="address">The destination address of the frames.</param>
    /// <param name="vlan">Their VLAN id, 1 to 4094; null whatever their tag.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="rule">The rule's number, for <see cref="RemoveFilter"/>.</param>
    /// <returns>Null where it is done; else a sentence that says why not.</returns>
    public string? TryAddMacVlanFilter(string interfaceName, MacAddress address, int? vlan, int queue, out uint rule)
    {
        rule = 0;
        if (vlan is < 1 or > LastVlan) return $"{vlan} is no VLAN id; 1 to {LastVlan} are";
        if (ethtool.Queues(interfaceName) is { } queues && queue >= queues.Now)
        {
            return $"{interfaceName} has {queues.Now} queues, so none of number {queue}; "
                + $"ethtool -L {interfaceName} combined {queue + 1} adds some where it can have them";
        }
        Span<byte> destination = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(destination, address.Value);
        int error = ethtool.InsertRule(interfaceName, destination[..AddressLength], (ushort?)vlan, (uint)queue, out rule);
        return error switch
        {
            0 => null,
            Errno.EOPNOTSUPP => $"{interfaceName} cannot sort frames into queues{Ntuple(interfaceName)}",
            Errno.EINVAL => $"{interfaceName} cannot sort frames by address{(vlan is null ? "" : " and VLAN id")} into queues{Ntuple(interfaceName)}",
            Errno.ENOSPC => $"{interfaceName} has no room for another rule; ethtool -n {interfaceName} shows those it has",
            Errno.EPERM => $"no right to change {interfaceName}: CAP_NET_ADMIN is needed",
            _ => $"{interfaceName} refused the rule: {Marshal.GetPInvokeErrorMessage(error)}",
        };
    }

    /// <summary>Takes a rule away again.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="rule">The rule's number.</param>
    /// <returns>Null where it is done; else a sentence that says why not.</returns>
    public string? RemoveFilter(string interfaceName, uint rule)
    {
        int error = ethtool.DeleteRule(interfaceName, rule);
        return error == 0 ? null : $"{interfaceName} refused to delete rule {rule}: {Marshal.GetPInvokeErrorMessage(error)}";
    }

    // Many drivers have rules only while this feature is on.
    private string Ntuple(string interfaceName) =>
        ethtool.ActiveFeatures(interfaceName).Contains("rx-ntuple-filter") ? "" : $"; try ethtool -K {interfaceName} ntuple on";
}
