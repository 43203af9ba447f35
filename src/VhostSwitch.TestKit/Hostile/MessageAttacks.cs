using VhostSwitch.Linux;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Messages that break the rules of vhost-user: their frame, their length, their descriptors, their numbers.</summary>
public static class MessageAttacks
{
    // Far more than the socket's buffers hold.
    private const int MoreRepliesThanAnyBuffer = 20_000;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        new("announces four gigabytes of payload", Disconnected, f => f.Script.Send(2, default, default, 1, uint.MaxValue)),
        new("announces more than the longest message", Disconnected, f => f.Script.Send(5, new byte[265])),
        new("speaks version 0", Disconnected, f => f.Script.Send(1, default, default, 0)),
        new("speaks version 2", Disconnected, f => f.Script.Send(1, default, default, 2)),
        new("sends an answer nobody asked for", Disconnected, f => f.Script.Send(1, default, default, 5)),
        new("sets a reserved flag", Disconnected, f => f.Script.Send(1, default, default, 0x11)),
        new("sends request 0", Disconnected, f => f.Script.Send(0u)),
        new("sends an unknown request", Disconnected, f => f.Script.Send(uint.MaxValue)),
        new("asks with an unknown request for an acknowledgement", Refused, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge((FrontEndRequest)99));
        }),
        new("sends half a number", Disconnected, f => f.Script.Send(FrontEndRequest.SetFeatures, new byte[4])),
        new("sends two numbers for one", Disconnected, f => f.Script.Send(FrontEndRequest.SetFeatures, new byte[16])),
        new("sends a payload where there is none", Disconnected, f => f.Script.Send(FrontEndRequest.GetFeatures, new byte[8])),
        new("CVE-2019-14818: descriptors where there are none", Disconnected, f =>
        {
            f.Negotiate();
            f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(0, 256), [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 8)]);
        }),
        new("CVE-2019-14818: descriptors where there are none, over and over", Refused, f =>
        {
            f.Negotiate();
            for (int i = 0; i < 100; i++)
                HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.SetVringNum, Payload.State(0, 256), [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 8)]));
        }),
        new("sends more descriptors than anyone takes", Disconnected, f => f.Script.Send(FrontEndRequest.SetOwner, default, [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 33)])),
        new("hoards descriptors beside every byte of a message", Disconnected, f =>
        {
            // They belong to a message's first bytes; a back-end that takes them with every further byte runs out of its own.
            int[] descriptors = [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 30)];
            byte[] message = Payload.Message((uint)FrontEndRequest.SetMemTable, 1, 264, new byte[200]);
            for (int i = 0; i < message.Length; i++)
            {
                if (f.Script.SendBytes(message.AsSpan(i, 1), descriptors) == SocketOutcome.Closed) return;
            }
        }) { IsLong = true },
        new("sends an unknown request with descriptors", Disconnected, f => f.Script.Send(99, default, [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 8)])),
        new("sends descriptors with a header that is refused", Disconnected, f => f.Script.Send(1, default, [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 8)], 2)),
        new("sends descriptors and half a header", Tolerated, f => f.Script.SendBytes([1, 0, 0, 0], [.. Enumerable.Repeat(f.Guest.Kicks[0].Number, 8)])),
        new("says nothing", Tolerated, _ => { }),
        new("stops in the middle of a payload", Tolerated, f => f.Script.Send(2, new byte[5], default, 1, 8)),
        new("sends one byte at a time", Tolerated, f =>
        {
            foreach (byte b in Payload.Message((uint)FrontEndRequest.GetFeatures, 1, 0, []))
                f.Script.SendBytes([b]);
        }),
        new("never reads its answers", Disconnected, f =>
        {
            for (int i = 0; i < MoreRepliesThanAnyBuffer; i++)
            {
                if (f.Script.Send(FrontEndRequest.GetFeatures) == SocketOutcome.Closed) return;
            }
        }) { IsLong = true },
        new("CVE-2020-10723: SET_VRING_NUM for ring 0x10000", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(0x10000, 256))),
        new("CVE-2020-10723: SET_VRING_NUM for ring 0x100", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(0x100, 256))),
        new("CVE-2020-10723: SET_VRING_NUM for ring 0xffffffff", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(uint.MaxValue, 256))),
        new("CVE-2020-10723: SET_VRING_BASE for ring 0x10001", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringBase, Payload.State(0x10001, 0))),
        new("CVE-2020-10723: SET_VRING_ADDR for ring 0x10000", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringAddr, Payload.Addresses(0x10000, f.Receive.Place.FrontEndAddresses))),
        new("CVE-2020-10723: SET_VRING_ENABLE for ring 0x10000", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(0x10000, 1))),
        new("CVE-2020-10723: GET_VRING_BASE for ring 0x10000", Disconnected, f => f.Script.Send(FrontEndRequest.GetVringBase, Payload.State(0x10000, 0))),
        new("CVE-2020-10723: SET_VRING_KICK with bits beyond the index", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(0x10000), [f.Guest.Kicks[0].Number])),
        new("hands over no descriptor for a kick", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(0))),
        new("hands over a descriptor for a kick and says there is none", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(0x100), [f.Guest.Kicks[0].Number])),
        new("hands over two descriptors for a kick", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(0), [f.Guest.Kicks[0].Number, f.Guest.Kicks[0].Number])),
        new("hands over a memory file for a kick", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(0), [f.Guest.Low.File.Number])),
        new("hands over a memory file for a call", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringCall, Payload.Number(0), [f.Guest.Low.File.Number])),
        new("hands over a file that is named like an eventfd", Disconnected, HandOverAFileNamedLikeAnEventFd),
        new("makes a ring of 0 entries", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(0, 0))),
        new("makes a ring of 3 entries", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(0, 3))),
        new("makes a ring of 65536 entries", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(0, 65536))),
        new("begins a ring at entry 65536", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringBase, Payload.State(0, 65536))),
        new("enables a ring twice over", Disconnected, f => f.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(0, 2))),
        new("takes features that were not offered", Disconnected, f => f.Script.Send(FrontEndRequest.SetFeatures, Payload.Number(ulong.MaxValue))),
        new("takes protocol features that were not offered", Disconnected, f => f.Script.Send(FrontEndRequest.SetProtocolFeatures, Payload.Number(1UL << 63))),
        new("asks for the number of queues without MQ", Disconnected, f => f.Script.Send(FrontEndRequest.GetQueueNum)),
        new("adds memory without CONFIGURE_MEM_SLOTS", Disconnected, f => f.Script.Send(FrontEndRequest.AddMemReg, Payload.Region(f.Guest.Low.Description), [f.Guest.Low.File.Number])),
        new("sets an MTU of 67", Refused, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.NetSetMtu, Payload.Number(67)));
        }),
        new("sets an MTU of 65536", Refused, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.NetSetMtu, Payload.Number(65536)));
        }),
        new("sets a status of nine bits", Refused, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(256)));
        }),
        new("sets an MTU of 0", Refused, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.NetSetMtu, Payload.Number(0)));
        }),
        new("sets an MTU beyond all numbers", Refused, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustBeRefused(f.Script.Acknowledge(FrontEndRequest.NetSetMtu, Payload.Number(ulong.MaxValue)));
        }),
        new("sets an MTU of two numbers", Disconnected, f =>
        {
            f.Negotiate();
            f.Script.Send(FrontEndRequest.NetSetMtu, new byte[16]);
        }),
        new("announces addresses that are nobody's", Tolerated, f =>
        {
            f.SetUp();
            // None, a group, all, one with bits beyond the address, and none of these is learned or stops anything.
            foreach (ulong mac in new ulong[] { 0, 0x01, 0xffff_ffff_ffff, ulong.MaxValue, 0xffff_0000_0000_0000 })
                HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SendRarp, Payload.Number(mac)));
        }),
        new("announces half an address", Disconnected, f =>
        {
            f.Negotiate();
            f.Script.Send(FrontEndRequest.SendRarp, new byte[6]);
        }),
        new("announces itself before there is a ring", Tolerated, f =>
        {
            f.Negotiate();
            HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SendRarp, Payload.Number(0x0c02)));
        }),
        new("resets with a payload", Disconnected, f =>
        {
            f.SetUp();
            f.Script.Send(FrontEndRequest.ResetDevice, new byte[8]);
        }),
        new("resets with a descriptor", Disconnected, f =>
        {
            f.SetUp();
            f.Script.Send(FrontEndRequest.ResetDevice, default, [f.Guest.Kicks[0].Number]);
        }),
        new("resets five hundred times while rings are set up", Tolerated, f =>
        {
            for (int i = 0; i < 500; i++)
            {
                if (i % 50 == 0) f.SetUp();
                f.Script.Send(FrontEndRequest.ResetDevice);
                f.Script.Ask(FrontEndRequest.GetFeatures);
            }
        }),
        new("sets every status there is while rings run", Tolerated, f =>
        {
            f.SetUp();
            foreach (ulong status in Enumerable.Range(0, 256).Select(i => (ulong)(i * 167 & 0xff)))
            {
                HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(status)));
                if (f.Script.Ask(FrontEndRequest.GetStatus).Number != status)
                    throw new FrontEndScriptException($"the status 0x{status:x} was not kept");
            }
        }),
        new("says that its driver is ready before it says anything else", Tolerated, f =>
        {
            f.Negotiate();
            foreach (ulong status in new ulong[] { 4, 8, 15, 128, 64, 0, 4 })
                HostileFrontEnd.MustSucceed(f.Script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(status)));
        }),
        new("takes PAGEFAULT where there is no postcopy", Disconnected,
            f => f.Script.Send(FrontEndRequest.SetProtocolFeatures, Payload.Number(1UL << 8))),
        new("announces postcopy where there is none", Disconnected, f => f.Script.Send(FrontEndRequest.PostcopyAdvise)),
        new("listens for postcopy where there is none", Disconnected, f => f.Script.Send(FrontEndRequest.PostcopyListen)),
        new("ends postcopy where there is none", Disconnected, f => f.Script.Send(FrontEndRequest.PostcopyEnd)),
        new("talks without end", Tolerated, f =>
        {
            f.Negotiate();
            for (int i = 0; i < 2000; i++)
                f.Script.Ask(FrontEndRequest.GetFeatures);
        }) { IsLong = true },
        new("hands over kick and call again and again while rings run", Tolerated, f =>
        {
            f.SetUp();
            for (int i = 0; i < 100; i++)
            {
                f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(1), [f.Guest.Kicks[1].Number]);
                f.Script.Send(FrontEndRequest.SetVringCall, Payload.Number(1), [f.Guest.Calls[1].Number]);
                f.Script.Send(FrontEndRequest.SetVringErr, Payload.Number(1), [f.Guest.Errors[1].Number]);
            }
        }),
        new("resets while rings run", Tolerated, f =>
        {
            f.SetUp();
            f.Script.Send(FrontEndRequest.ResetDevice);
            f.Script.Send(FrontEndRequest.ResetOwner);
        }),
        new("goes while its kicks arrive", Disconnected, f =>
        {
            f.SetUp();
            for (int i = 0; i < 1000; i++)
                f.Guest.Kick(i & 1);
            f.Script.Send(FrontEndRequest.GetFeatures, default, [f.Guest.Kicks[0].Number]);
        }),
    ];

    private static void HandOverAFileNamedLikeAnEventFd(HostileFrontEnd f)
    {
        string folder = Directory.CreateTempSubdirectory("vhost-").FullName;
        try
        {
            using var file = File.OpenHandle(Path.Combine(folder, "anon_inode:[eventfd]"), FileMode.Create, FileAccess.ReadWrite);
            f.Script.Send(FrontEndRequest.SetVringCall, Payload.Number(0), [(int)file.DangerousGetHandle()]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
