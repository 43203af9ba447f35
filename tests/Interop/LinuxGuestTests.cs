using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Linux guests with the kernel's own virtio-net driver, as their users have them.</summary>
public sealed class LinuxGuestTests : InteropTest
{
    private const int Megabyte = 1_000_000;
    private const int TransferBytes = 100 * Megabyte;

    /// <summary>The largest frame without segmentation offload, from Ethernet's header on.</summary>
    private const int LargestFrame = 1514;

    [Fact]
    public async Task TwoGuestsPingEachOther()
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.0.0.2");
        // The guest that was up first spoke when nobody was there.
        SwitchStatus before = await vhostSwitch.StatusAsync();
        Assert.Equal(20, await guests[0].PingAsync("10.0.0.2", 20));
        Assert.Equal(20, await guests[1].PingAsync("10.0.0.1", 20, size: 1400));
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.Empty(status.Drops().Except(before.Drops()));
        Assert.Equal([Mac(0), Mac(1)], status.Addresses.Select(address => address.Mac).Order());
        foreach (QemuGuest guest in guests)
            await guest.PowerOffAsync();
        await vhostSwitch.StopAsync();
    }

    public static IEnumerable<object[]> MergeableBuffers => FullRun.Cases([false], true);

    /// <summary>Offloads off at the device, as in the documents' QEMU command lines; mergeable buffers off and on.</summary>
    [Theory]
    [MemberData(nameof(MergeableBuffers))]
    public async Task AFileArrivesUnchangedWithoutOffloads(bool mergeable)
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets, Mergeable = mergeable });
        string properties = $"{GuestNic.OffloadsOff},mrg_rxbuf={(mergeable ? "on" : "off")}";
        QemuGuest[] guests = await StartGuestsAsync(sockets, properties);
        await guests[0].WaitForPingAsync("10.0.0.2");
        Assert.Contains("tx-checksumming: off", await guests[0].CheckAsync("ethtool -k eth0"));

        (string sent, string received) = await GuestTransfer.SendAsync(guests[0], "10.0.0.1", guests[1], TransferBytes);
        Assert.Equal(sent, received);
        SwitchStatus.Port port = (await vhostSwitch.StatusAsync()).PortAt(sockets[0]);
        Assert.Equal(mergeable, port.Features.Contains("MRG_RXBUF"));
        Assert.InRange(port.BytesFromGuest / port.FramesFromGuest, 1, LargestFrame);
    }

    /// <summary>Between two guests that both take them, unfinished checksums and large segments pass through as they are.</summary>
    [Fact]
    public async Task AFileArrivesUnchangedWithOffloads()
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch =
            await StartSwitchAsync(new() { Sockets = sockets, Mergeable = true, TxChecksum = true, Tso = true });
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.0.0.2");
        SwitchStatus before = await vhostSwitch.StatusAsync();
        string offloads = await guests[0].CheckAsync("ethtool -k eth0");
        Assert.Contains("tx-checksumming: on", offloads);
        Assert.Contains("tcp-segmentation-offload: on", offloads);

        (string sent, string received) = await GuestTransfer.SendAsync(guests[0], "10.0.0.1", guests[1], TransferBytes);
        Assert.Equal(sent, received);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        // TCP fills a receiver's ring of 256 with a handful of large frames; no frame may be dropped for what it is.
        Assert.DoesNotContain(status.Drops().Except(before.Drops()), drop => !drop.Contains(SwitchStatus.ReceiverFull));
        SwitchStatus.Port port = status.PortAt(sockets[0]);
        // On average, acknowledgements included: there were frames of many segments.
        Assert.InRange(port.BytesFromGuest / port.FramesFromGuest, LargestFrame + 1, ushort.MaxValue);

        // The guest changes its mind while it runs.
        await guests[0].CheckAsync("ethtool -K eth0 tx off tso off gso off");
        (sent, received) = await GuestTransfer.SendAsync(guests[0], "10.0.0.1", guests[1], Megabyte);
        Assert.Equal(sent, received);
    }

    [Fact]
    public async Task AGuestRebootsAndIsReachedAgain()
    {
        string[] sockets = Sockets(2);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.0.0.2");
        await guests[1].RebootAsync();
        await guests[1].SetAddressAsync("10.0.0.2/24");
        await guests[0].WaitForPingAsync("10.0.0.2");
        Assert.Equal(10, await guests[0].PingAsync("10.0.0.2", 10));
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.All(status.Ports, port => Assert.True(port.IsUp, port.Status));
    }

    /// <summary>One guest's QEMU is killed while it sends; the two others lose no ping, and a new guest takes its place.</summary>
    [Fact]
    public async Task AKilledGuestDoesNotDisturbTheOthers()
    {
        const int pings = 100;
        string[] sockets = Sockets(3);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest[] guests = await StartGuestsAsync(sockets);
        await guests[0].WaitForPingAsync("10.0.0.2");
        await guests[2].WaitForPingAsync("10.0.0.2");

        await guests[1].CheckAsync("nc -l -p 5001 -e cat >/dev/null 2>&1 &");
        await guests[2].CheckAsync("cat /dev/zero | nc 10.0.0.2 5001 >/dev/null 2>&1 &");
        await guests[0].CheckAsync($"ping -i 0.1 -c {pings} -W 10 10.0.0.2 >/tmp/pings 2>&1 &");
        long before = (await vhostSwitch.StatusAsync()).PortAt(sockets[2]).FramesFromGuest;
        await vhostSwitch.WaitForStatusAsync(
            status => status.PortAt(sockets[2]).FramesFromGuest > before + 500, "frames of the third guest");
        await guests[2].KillAsync();

        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            status => !status.Ports.Any(port => port.Endpoint == sockets[2] && port.IsUp)
                && status.Addresses.All(address => address.Mac != Mac(2)),
            "the killed guest's port down and its address forgotten");
        Assert.All(sockets[..2], socket => Assert.True(status.PortAt(socket).IsUp));
        string summary = await guests[0].CheckAsync("until grep 'packets received' /tmp/pings; do sleep 0.2; done");
        Assert.Contains($"{pings} packets received", summary);

        QemuGuest successor = await StartGuestAsync(new() { Name = "again", Nics = [new GuestNic(sockets[2], Mac(2))] });
        await successor.WaitForBootAsync();
        await successor.SetAddressAsync("10.0.0.3/24");
        await successor.WaitForPingAsync("10.0.0.1");
    }

    /// <summary>Two devices per guest, as in the documents; each pair has a network of its own on the one switch.</summary>
    [Fact]
    public async Task GuestsWithTwoNicsUseBoth()
    {
        string[] sockets = Sockets(4);
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest[] guests = new QemuGuest[2];
        for (int i = 0; i < guests.Length; i++)
        {
            guests[i] = await StartGuestAsync(new()
            {
                Name = $"guest{i}",
                Nics = [new GuestNic(sockets[2 * i], Mac(2 * i)), new GuestNic(sockets[2 * i + 1], Mac(2 * i + 1))],
            });
        }
        for (int i = 0; i < guests.Length; i++)
        {
            await guests[i].WaitForBootAsync();
            await guests[i].KeepNetworksApartAsync();
            await guests[i].SetAddressAsync($"10.0.0.{i + 1}/24", "eth0");
            await guests[i].SetAddressAsync($"10.0.1.{i + 1}/24", "eth1");
        }
        foreach (string network in (string[])["10.0.0", "10.0.1"])
        {
            await guests[0].WaitForPingAsync($"{network}.2");
            Assert.Equal(10, await guests[0].PingAsync($"{network}.2", 10));
        }
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.All(sockets, socket => Assert.InRange(status.PortAt(socket).FramesFromGuest, 10, long.MaxValue));
        Assert.Equal(4, status.Addresses.Count(address => Regex.IsMatch(address.Mac, "^52:54:00:00:01:0[0-3]$")));
    }

    private static string Mac(int index) => $"52:54:00:00:01:{index:x2}";

    private string[] Sockets(int count) => [.. Enumerable.Range(0, count).Select(i => Folder.File($"s{i}"))];

    /// <summary>One guest a socket, booted, guest i with the address 10.0.0.(i+1).</summary>
    private async Task<QemuGuest[]> StartGuestsAsync(string[] sockets, string properties = "")
    {
        QemuGuest[] guests = new QemuGuest[sockets.Length];
        for (int i = 0; i < guests.Length; i++)
        {
            GuestNic nic = new(sockets[i], Mac(i)) { Properties = properties };
            guests[i] = await StartGuestAsync(new() { Name = $"guest{i}", Nics = [nic] });
        }
        for (int i = 0; i < guests.Length; i++)
        {
            await guests[i].WaitForBootAsync();
            await guests[i].SetAddressAsync($"10.0.0.{i + 1}/24");
        }
        return guests;
    }
}
