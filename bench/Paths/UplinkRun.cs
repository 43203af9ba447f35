using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>Frames a second between guests and uplinks, every entrant in turn in every round.</summary>
internal sealed class UplinkRun(
    IReadOnlyList<Entrant> entrants, Settings settings, IReadOnlyList<FrameMix> mixes, int rounds, Action<string> progress)
{
    private const int CapturedFrames = 256;

    /// <summary>Runs everything.</summary>
    public async Task<Report> RunAsync()
    {
        var samples = new List<Sample>();
        var findings = new List<Finding>();
        foreach (var uplink in Uplink.All)
        {
            foreach (var mix in mixes)
            {
                var those = settings with { Frames = mix, Uplink = uplink };
                var its = await Near.InTurnAsync(rounds, entrants, (entrant, round) => MeasureAsync(entrant, uplink, those, round), Tell);
                samples.AddRange(its);
                foreach (var other in entrants.Skip(1))
                {
                    string what = $"{settings.Name(uplink.Name, mix)}: {entrants[0].Name} / {other.Name}";
                    findings.AddRange(Finding.Ratios(what, its, entrants[0].Name, other.Name, (a, b) => a.Mpps / b.Mpps));
                }
            }
        }
        var first = settings with { Uplink = Uplink.Null };
        string[] legend = [.. entrants.Select(entrant => entrant.Describe(first)), .. Uplink.All.Select(uplink => $"{uplink.Name}: {uplink.What}")];
        return new Report("Guests and uplinks", entrants[0].Name, settings, samples, findings, legend, Machine.Describe());
    }

    private void Tell(Sample sample) => progress(
        $"{sample.Load}, {sample.Frames}, round {sample.Round} of {rounds}: {sample.Contender,-14} {sample.Mpps,7:F2} Mpps, "
        + $"{Inspection.Tell(sample.Inspection!.BusyShare)}, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})"
        + Report.TellErrors(sample));

    private static async Task<Sample> MeasureAsync(Entrant entrant, Uplink uplink, Settings settings, int round)
    {
        using var folder = new TestFolder();
        if (uplink.Way == UplinkWay.In) WriteCapture(folder.File(Uplink.CaptureFile), settings.Frames.Single);
        await using var place = uplink.Way == UplinkWay.Both ? await WireAsync() : null;
        double before = await Near.WaitAsync();
        LoadResult result;
        Inspection? inspection = null;
        await using (var contender = entrant.Make())
        {
            contender.Place = place;
            var sockets = await contender.StartAsync(folder, settings);
            async Task Inspect() => inspection = await contender.InspectAsync();
            result = uplink.Way switch
            {
                UplinkWay.Out => await SendAsync(contender, sockets.First, settings, Inspect),
                UplinkWay.In => await ReceiveAsync(sockets.First, settings, Inspect),
                _ => await new LeanLoad().RunAsync(folder, sockets, settings, Inspect),
            };
        }
        return new Sample(
            entrant.Name, uplink.Name, settings.Frames.Name, round, result.Mpps, before, Near.Distance(), result.GuestsBusy, result.Lost,
            result.Changed, inspection);
    }

    // Ends of a wire in a namespace of their own; frames of 1518 bytes are four longer than usual interfaces take.
    private static async Task<NetworkNamespace> WireAsync()
    {
        var place = await NetworkNamespace.CreateAsync();
        await place.IpHereAsync($"link add {Uplink.FirstEnd} mtu 1600 type veth peer name {Uplink.SecondEnd} mtu 1600");
        await place.IpHereAsync($"link set dev {Uplink.FirstEnd} up");
        await place.IpHereAsync($"link set dev {Uplink.SecondEnd} up");
        return place;
    }

    // What the guest hands over is counted there, for as long as it takes; what of it arrived, in the end at the uplink.
    private static async Task<LoadResult> SendAsync(Contender contender, string socket, Settings settings, Func<Task> inspect)
    {
        using var guest = new LoneGuest(socket, settings, sends: true);
        double mpps = await RateAsync(() => guest.Sent, settings);
        await inspect();
        guest.Stop();
        ulong sent = guest.Sent, arrived = 0;
        long start = Stopwatch.GetTimestamp();
        while ((arrived = (ulong)await contender.SentToUplinkAsync()) < sent && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(1))
            await Task.Delay(50);
        return new LoadResult(mpps * arrived / sent, null, sent - Math.Min(sent, arrived), null);
    }

    private static async Task<LoadResult> ReceiveAsync(string socket, Settings settings, Func<Task> inspect)
    {
        using var guest = new LoneGuest(socket, settings, sends: false);
        await Until.TrueAsync(() => guest.Received != 0, Limits.Step, "the uplink's frames reach the guest", () => $"{guest.Changed} others did");
        double mpps = await RateAsync(() => guest.Received, settings);
        await inspect();
        return new LoadResult(mpps, null, null, guest.Changed);
    }

    private static async Task<double> RateAsync(Func<ulong> frames, Settings settings)
    {
        await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
        long start = Stopwatch.GetTimestamp();
        ulong before = frames();
        await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
        return (frames() - before) / Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    // A capture file (draft-ietf-opsawg-pcap) of equal frames.
    private static void WriteCapture(string path, int length)
    {
        using var file = new BinaryWriter(File.Create(path));
        // Magic number, version 2.4, no time zone, no accuracy, all bytes, Ethernet.
        foreach (uint word in (uint[])[0xA1B2C3D4, 2 | (4 << 16), 0, 0, ushort.MaxValue, 1]) file.Write(word);
        byte[] frame = new byte[length];
        LoneGuest.Write(frame, LoneGuest.Mac, LoneGuest.PeerMac);
        for (int i = 0; i < CapturedFrames; i++)
        {
            foreach (uint word in (uint[])[0, 0, (uint)length, (uint)length]) file.Write(word);
            file.Write(frame);
        }
    }
}
