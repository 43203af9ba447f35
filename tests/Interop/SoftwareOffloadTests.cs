using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// Of two Linux guests one leaves checksums and segmentation to the switch and the other takes nothing unfinished. The second one's kernel checks
/// every checksum that the switch made.
/// </summary>
public sealed class SoftwareOffloadTests : InteropTest
{
    private static readonly int TransferBytes = FullRun.Requested ? 50_000_000 : 10_000_000;

    private const string OnAddress4 = "10.0.0.1", OffAddress4 = "10.0.0.2", OnAddress6 = "fd00::1", OffAddress6 = "fd00::2";

    public static IEnumerable<object[]> MergeableBuffers => FullRun.Cases([true], false);

    [Theory]
    [MemberData(nameof(MergeableBuffers))]
    public async Task AGuestWithoutOffloadsUnderstandsOneWithThem(bool mergeable)
    {
        string on = Folder.File("on"), off = Folder.File("off");
        SwitchProcess vhostSwitch =
            await StartSwitchAsync(new() { Sockets = [on, off], Mergeable = true, TxChecksum = true, Tso = true });
        QemuGuest sender = await StartGuestAsync(new() { Name = "on", Nics = [new GuestNic(on, "52:54:00:00:01:00")] });
        string properties = $"{GuestNic.OffloadsOff},mrg_rxbuf={(mergeable ? "on" : "off")}";
        QemuGuest receiver = await StartGuestAsync(new() { Name = "off", Nics = [new GuestNic(off, "52:54:00:00:01:01") { Properties = properties }] });
        await sender.WaitForBootAsync();
        await receiver.WaitForBootAsync();
        await sender.SetAddressAsync(OnAddress4 + "/24");
        await receiver.SetAddressAsync(OffAddress4 + "/24");
        await sender.CheckAsync($"ip -6 addr add {OnAddress6}/64 dev eth0");
        await receiver.CheckAsync($"ip -6 addr add {OffAddress6}/64 dev eth0");
        await sender.WaitForPingAsync(OffAddress4);
        await receiver.CheckAsync($"for i in $(seq 30); do ping -6 -c 1 -W 1 {OnAddress6} && exit 0; done; exit 1", Limits.GuestBoot);
        Assert.Contains("tcp-segmentation-offload: on", await sender.CheckAsync("ethtool -k eth0"));
        Assert.Contains("tx-checksumming: off", await receiver.CheckAsync("ethtool -k eth0"));

        SwitchStatus before = await vhostSwitch.StatusAsync();
        Assert.DoesNotContain(before.PortAt(off).Features, feature => feature.Contains("CSUM") || feature.Contains("TSO"));
        Assert.Equal(mergeable, before.PortAt(off).Features.Contains("MRG_RXBUF"));
        string fromOn = await GuestTransfer.ServeAsync(sender, TransferBytes);
        string fromOff = await GuestTransfer.ServeAsync(receiver, TransferBytes);
        foreach (string address in (string[])[OnAddress4, $"[{OnAddress6}]"])
            Assert.Equal(fromOn, await GuestTransfer.FetchAsync(receiver, address, TransferBytes));
        foreach (string address in (string[])[OffAddress4, $"[{OffAddress6}]"])
            Assert.Equal(fromOff, await GuestTransfer.FetchAsync(sender, address, TransferBytes));

        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.DoesNotContain(status.Drops().Except(before.Drops()), drop => !drop.Contains(SwitchStatus.ReceiverFull));
        Assert.DoesNotContain(status.Drops(), drop => drop.Contains("offload"));
        // There were large segments, and none of them came out.
        SwitchStatus.Port sent = status.PortAt(on), received = status.PortAt(off);
        Assert.InRange(received.FramesToGuest, sent.FramesFromGuest + (TransferBytes / 1500), long.MaxValue);
        // And what came in small pieces went out in large ones, the receiver's buffers being mergeable.
        Assert.InRange(sent.FramesToGuest, 1, received.FramesFromGuest / 2);
        Assert.Equal("0", await receiver.CheckAsync("awk '/^Tcp:/ { if (n++) print $(NF) } ' /proc/net/snmp"));
    }
}
