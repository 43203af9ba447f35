namespace VhostSwitch.Dataplane.Tests;

/// <summary>Unfinished frames and what Linux makes of them, from FramesOfLinux.txt.</summary>
/// <param name="Name">The case's name.</param>
/// <param name="Fields">What is left to be done.</param>
/// <param name="Frame">The unfinished frame.</param>
/// <param name="Made">The frames that Linux sent.</param>
internal sealed record FramesOfLinux(string Name, OffloadFields Fields, byte[] Frame, IReadOnlyList<byte[]> Made)
{
    public static IReadOnlyList<FramesOfLinux> All { get; } = Read();

    private static List<FramesOfLinux> Read()
    {
        using var file = typeof(FramesOfLinux).Assembly.GetManifestResourceStream("VhostSwitch.Dataplane.Tests.FramesOfLinux.txt")!;
        using var text = new StreamReader(file);
        var all = new List<FramesOfLinux>();
        while (text.ReadLine() is { } line)
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0] == "#") continue;
            if (words[0] == ">") ((List<byte[]>)all[^1].Made).Add(Convert.FromHexString(words[1]));
            else if (words.Length == 1) all[^1] = all[^1] with { Frame = Convert.FromHexString(words[0]) };
            else
            {
                ushort[] numbers = [.. words.Skip(1).Select(w => ushort.Parse(w, System.Globalization.CultureInfo.InvariantCulture))];
                var fields = new OffloadFields
                {
                    Flags = OffloadFields.NeedsCsum,
                    GsoType = (byte)numbers[0],
                    GsoSize = numbers[1],
                    CsumStart = numbers[2],
                    CsumOffset = numbers[3],
                    HdrLen = numbers[4],
                };
                all.Add(new FramesOfLinux(words[0], fields, [], new List<byte[]>()));
            }
        }
        return all;
    }
}
