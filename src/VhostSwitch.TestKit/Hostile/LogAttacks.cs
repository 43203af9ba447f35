using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Logs of a live migration that break the rules.</summary>
public static class LogAttacks
{
    private const ulong Page = 4096;
    private const int LogLength = 256 * 1024;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        new("sets a log without LOG_SHMFD", Disconnected, f => Set(f, Page, 0)),
        Refuses("sets a log of 0 bytes", f => Set(f, 0, 0)),
        Refuses("CVE-2020-10722: sets a log whose size and offset wrap", f => Set(f, unchecked(0UL - Page), 2 * Page)),
        Refuses("sets a log of nearly all addresses", f => Set(f, ulong.MaxValue - Page, 0)),
        Refuses("sets a log that is longer than its file", f => Set(f, 1UL << 40, 0)),
        Refuses("sets a log that begins behind its file", f => Set(f, Page, 1UL << 40)),
        Refuses("sets a log that begins within a word", f => Set(f, Page, 4)),
        Refuses("sets a log without a file", f => f.Script.Send(FrontEndRequest.SetLogBase, Area(Page, 0))),
        Refuses("sets a log with two files",
            f => f.Script.Send(FrontEndRequest.SetLogBase, Area(Page, 0), [f.Guest.Low.File.Number, f.Guest.Low.File.Number])),
        Refuses("sets a log of half a size", f => f.Script.Send(FrontEndRequest.SetLogBase, new byte[4], [f.Guest.Low.File.Number])),
        Refuses("sets a log that is no file", f => f.Script.Send(FrontEndRequest.SetLogBase, Area(Page, 0), [f.Guest.Kicks[0].Number])),
        new("sends SET_LOG_FD, which nobody needs", Disconnected, f => f.Script.Send(7, default, [f.Guest.Kicks[0].Number])),
        new("sets a log that is smaller than its memory", Tolerated, LogsInto(8, 4)) { With = Features.LogAll },
        new("DPDK bdd96d8ac7: sets a log in the middle of its file", Tolerated, LogsInto(LogLength, 4)) { With = Features.LogAll },
        new("CVE-2019-14835: receives into as many pages as a ring has entries while they are logged", Tolerated, LogsInto(LogLength, 250))
            { With = Features.LogAll },
        new("sets a log again and again while rings run", Tolerated, f =>
        {
            f.SetUp();
            FrontEndHandshake.NegotiateProtocol(f.Script, FrontEndHandshake.WantedProtocolFeatures | ProtocolFeatures.LogShmfd);
            for (int i = 0; i < 100; i++)
            {
                Set(f, Page, 0);
                // SET_LOG_BASE has an answer of its own.
                f.Script.Receive();
            }
        }) { With = Features.LogAll },
    ];

    private static Attack Refuses(string name, Action<HostileFrontEnd> run) => new(name, Disconnected, f =>
    {
        f.Negotiate(ProtocolFeatures.LogShmfd);
        run(f);
    });

    private static void Set(HostileFrontEnd f, ulong size, ulong offset) =>
        f.Script.Send(FrontEndRequest.SetLogBase, Area(size, offset), [f.Guest.Low.File.Number]);

    private static byte[] Area(ulong size, ulong offset) => [.. BitConverter.GetBytes(size), .. BitConverter.GetBytes(offset)];

    // One frame into buffers of one byte on as many pages: each page has its bit where the log reaches, and nothing else is written.
    private static Action<HostileFrontEnd> LogsInto(int length, int pages) => f =>
    {
        f.SetUp();
        FrontEndHandshake.NegotiateProtocol(f.Script, FrontEndHandshake.WantedProtocolFeatures | ProtocolFeatures.LogShmfd);
        const int Offset = (int)Page;
        using var file = SharedMemory.Create("attacker-log", (nuint)(LogLength + (2 * Offset)));
        using var here = MemoryMapping.OfFile(file, (nuint)(LogLength + (2 * Offset)));
        f.Script.Send(FrontEndRequest.SetLogBase, Area((ulong)length, Page), [file.Number]);
        f.Script.Receive();
        uint each = pages < 100 ? 1024u : 1;
        var parts = Enumerable.Range(0, pages).Select(i => (ScriptedGuest.HighStart + ((ulong)i * Page), each));
        f.Receive.DescribeChain(0, Descriptor.Write, [.. parts]);
        f.Receives(0);
        Until.True(() => f.Receive.UsedIndex == 1, "a broadcast received");
        // Stopped, the ring has told all that it wrote.
        f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(0, 0));
        CheckLog(here, Offset, length, pages);
    };

    private static unsafe void CheckLog(MemoryMapping log, int offset, int length, int pages)
    {
        const int FirstByte = (int)(ScriptedGuest.HighStart / Page / 8);
        var all = new Span<byte>(log.Address, (int)log.Length);
        if (all[..offset].ContainsAnyExcept((byte)0) || all[(offset + length)..].ContainsAnyExcept((byte)0))
            throw new FrontEndScriptException("bits were set outside the log");
        for (int i = 0; i < pages && FirstByte + (i / 8) < length; i++)
        {
            if ((all[offset + FirstByte + (i / 8)] & (1 << (i % 8))) == 0) throw new FrontEndScriptException($"page {i} was written and not logged");
        }
    }
}
