using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Pools of vmdq mode frame by frame: light guests on one socket, and a packet socket at the other end of the uplink's wire.</summary>
public sealed class VmdqPoolTests : InteropTest
{
    /// <summary>More than a NIC has pools, which is where DPDK's sample ends.</summary>
    private const int Devices = 70;

    private const int FirstTag = 1000;

    /// <summary>Ethernet's longest frame without a tag, for an MTU of 1500.</summary>
    private const int LongestFrame = 1514;

    private static readonly MacAddress Outside = MacAddress.Parse("02:00:00:00:00:ff");

    private readonly List<HonestGuest> _guests = [];
    private NetworkNamespace _outside = null!;
    private WireCapture _capture = null!;

    [Fact]
    public async Task EachOfSeventyDevicesHasItsPool()
    {
        SwitchProcess vhostSwitch = await StartAsync();
        try
        {
            for (int device = 0; device < Devices; device++)
            {
                Connect(device);
                _guests[device].Send(NumberedFrame.Make(Outside, Mac(device), (ulong)device));
            }
            for (int device = 0; device < Devices; device++)
            {
                string from = Mac(device).ToString();
                await _capture.WaitForAsync(frame => frame.From == from && frame.Vlan == FirstTag + device, $"the frame of device {device} with its tag");
            }
            Assert.Equal(Devices, _capture.Frames.Count);
            SwitchStatus status = await vhostSwitch.StatusAsync();
            Assert.Equal(Devices, status.Ports.Count(port => port.Endpoint == Folder.File("s") && port.IsUp));
            Assert.Equal(
                Enumerable.Range(0, Devices).Select(device => (Mac(device).ToString(), $"vhost{device}")), status.Addresses.Select(a => (a.Mac, a.Port)).Order());
            Assert.Equal("software (net_af_packet has no queues that an interface sorts frames into)", status.Steering);
            foreach (int device in (int[])[0, 63, 64, Devices - 1])
            {
                using WireEnd wire = new(_outside, "wire", (ushort)(FirstTag + device));
                // Another's address with this device's tag first: it is for nobody.
                Assert.True(wire.TrySend(0, NumberedFrame.Make(Mac(1), Outside, 1), parts: 1));
                Assert.True(wire.TrySend(0, NumberedFrame.Make(Mac(device), Outside, (ulong)device), parts: 1));
                await WaitForFrameAsync(device, (ulong)device);
            }
            status = await vhostSwitch.StatusAsync();
            Assert.Equal(4, status.Ports.SelectMany(port => port.Queues).Sum(queue => queue.Drops.GetValueOrDefault("pool_mismatch")));
            Assert.All(_guests, guest => Assert.Null(guest.TryReceive()));
        }
        finally
        {
            _guests.ForEach(guest => guest.Dispose());
        }
    }

    /// <summary>The tag is not counted against the MTU; one byte more than that is.</summary>
    [Fact]
    public async Task TheLongestFrameLeavesWithItsTag()
    {
        SwitchProcess vhostSwitch = await StartAsync();
        try
        {
            using WireEnd wire = new(_outside, "wire", FirstTag);
            Connect(0);
            _guests[0].Send(NumberedFrame.Make(Outside, Mac(0), 1, LongestFrame + 1));
            byte[] longest = NumberedFrame.Make(Outside, Mac(0), 2, LongestFrame);
            _guests[0].Send(longest);
            byte[] seen = new byte[ushort.MaxValue];
            int length = -1;
            await Until.TrueAsync(() => (length = wire.TryReceive(0, seen)) >= 0, Limits.Step, "the longest frame at the wire");
            Assert.Equal(longest, seen[..length]);
            SwitchStatus status = await vhostSwitch.StatusAsync();
            Assert.Equal((1, 1), ((int)status.Wire("net_af_packet0").DropsOut("exceeds_mtu"), (int)status.Wire("net_af_packet0").FramesOut));

            // And back, with the tag.
            Assert.True(wire.TrySend(0, NumberedFrame.Make(Mac(0), Outside, 3, LongestFrame), parts: 1));
            await WaitForFrameAsync(0, 3);
        }
        finally
        {
            _guests.ForEach(guest => guest.Dispose());
        }
    }

    private static MacAddress Mac(int device) => MacAddress.Parse($"52:54:00:00:03:{device:x2}");

    private void Connect(int device) => _guests.Add(new HonestGuest(Folder.File("s"), Mac(device), new() { RingSize = 16 }));

    private async Task WaitForFrameAsync(int device, ulong number)
    {
        byte[]? frame = null;
        await Until.TrueAsync(() => (frame = _guests[device].TryReceive()) is not null, Limits.Step, $"frame {number} at device {device}");
        Assert.True(NumberedFrame.TryRead(frame, out ulong arrived), "the frame is unchanged, and without its tag");
        Assert.Equal((number, Mac(device)), (arrived, NumberedFrame.Destination(frame)));
    }

    private async Task<SwitchProcess> StartAsync()
    {
        NetworkNamespace inside = await MakeNamespaceAsync();
        _outside = await MakeNamespaceAsync();
        await inside.ConnectAsync("uplink", _outside, "wire");
        _capture = Own(await WireCapture.StartAsync(_outside, "wire"), capture => [capture.Transcript]);
        return await StartSwitchAsync(new()
        {
            Sockets = [Folder.File("s")], Mode = null, Namespace = inside, Devices = ["net_af_packet0,iface=uplink"], MoreOptions = ["-p", "0x1"],
        });
    }
}
