using System.Text.RegularExpressions;

namespace VhostSwitch.Architecture;

/// <summary>What only one place of the tree may do.</summary>
public sealed partial class SourceTests
{
    [Fact]
    public void OnlyTheLinuxProjectCallsIntoTheCLibrary() =>
        Assert.Empty(Repository.SourceFiles
            .Where(f => !Repository.Name(f).StartsWith("src/VhostSwitch.Linux/", StringComparison.Ordinal) && ForeignCall().IsMatch(File.ReadAllText(f)))
            .Select(Repository.Name));

    [Fact]
    public void OnlyOneFileForEachKindOrdersAccessesToRings()
    {
        // Threads of this process order their own fields as they like; memory that a peer shares is reached by pointers in these projects.
        string[] ringProjects =
        [
            "src/VhostSwitch.Virtio/", "src/VhostSwitch.Vhost/Net/", "src/VhostSwitch.VirtioUser/", "src/VhostSwitch.TestKit/Guest/", "src/VhostSwitch.Ports/NetAfXdp/",
        ];
        string[] orders = ["src/VhostSwitch.Virtio/RingOrder.cs", "src/VhostSwitch.Ports/NetAfXdp/XdpRingOrder.cs"];
        var wrong = from file in Repository.SourceFiles
                    let name = Repository.Name(file)
                    where !orders.Contains(name) && ringProjects.Any(p => name.StartsWith(p, StringComparison.Ordinal))
                    from line in File.ReadLines(file).Select((text, i) => (text, number: i + 1))
                    where Ordering().IsMatch(Code(line.text)) && ThroughAPointer().IsMatch(Code(line.text))
                    select $"{name}:{line.number}: {line.text.Trim()}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void TheVirtioProjectHasNoOtherOrderingAtAll() =>
        Assert.Empty(from file in Repository.SourceFiles
                     let name = Repository.Name(file)
                     where name.StartsWith("src/VhostSwitch.Virtio/", StringComparison.Ordinal) && name != "src/VhostSwitch.Virtio/RingOrder.cs"
                     from line in File.ReadLines(file)
                     where Ordering().IsMatch(Code(line))
                     select $"{name}: {line.Trim()}");

    private static string Code(string line)
    {
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        return comment < 0 ? line : line[..comment];
    }

    [GeneratedRegex(@"\[(DllImport|LibraryImport)\b")]
    private static partial Regex ForeignCall();

    [GeneratedRegex(@"\b(Volatile|Interlocked|Thread\.MemoryBarrier)\b[.(]")]
    private static partial Regex Ordering();

    // What a reference is taken to: something behind a pointer, and no field of an object of this process.
    [GeneratedRegex(@"\b(Volatile|Interlocked)\.\w+\((ref|in)\s+(\(*\*|(?!\w*[cC]ounters->)[\w.]+(->|\[))")]
    private static partial Regex ThroughAPointer();
}
