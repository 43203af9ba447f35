namespace VhostSwitch.Bench.Paths;

/// <summary>A case of the matrix: one thing differs from the usual case, or two.</summary>
/// <param name="Heading">What differs.</param>
/// <param name="Settings">The case.</param>
internal sealed record MatrixCase(string Heading, Settings Settings)
{
    /// <summary>Cases for which a contender is the same process.</summary>
    public (bool Mergeable, bool Segments, int? Ports) Process => (Settings.Mergeable, Settings.Frames.Segments, Settings.Ports);

    /// <summary>In words.</summary>
    public string Name => $"{Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}";

    /// <summary>All of them.</summary>
    /// <param name="seconds">How long each sample is.</param>
    public static IReadOnlyList<MatrixCase> All(double seconds)
    {
        // A process and its guests are warm when the first case begins.
        var usual = new Settings(FrameMix.Of(64), Mergeable: false, Packed: false, InOrder: false, WarmUpSeconds: 0.5, seconds);
        var long1518 = usual with { Frames = FrameMix.Of(1518) };
        return
        [
            .. FrameMix.ParseAll("64,128,256,512,1024,1518,imix")!.Select(mix => new MatrixCase("length", usual with { Frames = mix })),
            .. from ring in (Func<Settings, Settings>[])
               [
                   s => s with { InOrder = true }, s => s with { Packed = true }, s => s with { Packed = true, InOrder = true },
               ]
               from settings in (Settings[])[usual, long1518]
               select new MatrixCase("ring", ring(settings)),
            .. from settings in (Settings[])[usual, usual with { Packed = true, InOrder = true }, long1518]
               select new MatrixCase("mergeable buffers", settings with { Mergeable = true }),
            .. from mix in FrameMix.ParseAll("9000,tso")!
               select new MatrixCase("frames of several buffers", usual with { Frames = mix, Mergeable = true }),
            new MatrixCase("addresses", usual with { Addresses = 1000 }),
            .. ((int[])[2, 8, 32, 128]).Select(ports => new MatrixCase("ports, two of them busy", usual with { Ports = ports })),
            .. ((int[])[1, 4, 8, 16, 64, 128]).Select(burst => new MatrixCase("bursts of the guests", usual with { Burst = burst })),
            .. ((Settings[])[usual, long1518]).Select(settings => new MatrixCase("one way", settings with { OneWay = true })),
        ];
    }
}
