using System.Text.RegularExpressions;
using VhostSwitch.TestKit.Hostile;

namespace VhostSwitch.Ports.Tests;

/// <summary>docs/security-tests.md names only what is there.</summary>
public sealed partial class SecurityReferenceTests
{
    private const string AttackPrefix = "attack: ";

    private static readonly string Root = FindRoot();

    [Fact]
    public void EveryTestThatTheTableNamesExists()
    {
        var attacks = HostileFrontEnd.Attacks.Concat(PostcopyAttacks.All).Select(a => a.Name).ToHashSet();
        var named = Rows().SelectMany(r => Quoted().Matches(r)).Select(m => m.Groups[1].Value).ToArray();
        Assert.InRange(named.Length, 60, int.MaxValue);
        var missing = named.Where(n => n.StartsWith(AttackPrefix, StringComparison.Ordinal)
            ? !attacks.Contains(n[AttackPrefix.Length..])
            : !IsTestMethod(n));
        Assert.Empty(missing);
    }

    [Fact]
    public void EveryAttackThatIsNamedForAFlawIsInTheTable()
    {
        string table = string.Join('\n', Rows());
        var flaws = HostileFrontEnd.Attacks.Select(a => Flaw().Match(a.Name)).Where(m => m.Success).Select(m => m.Groups[1].Value);
        Assert.All(flaws, f => Assert.Contains(f, table, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Rows() =>
        File.ReadLines(Path.Combine(Root, "docs", "security-tests.md")).Where(l => l.StartsWith("| ", StringComparison.Ordinal));

    private static bool IsTestMethod(string name)
    {
        string[] parts = name.Split('.');
        if (parts.Length != 2) return false;
        var files = Directory.EnumerateFiles(Path.Combine(Root, "tests"), parts[0] + ".cs", SearchOption.AllDirectories);
        var method = new Regex($@"\[(Fact|Theory)\](\s*\[[^\n]*\])*\s*public (unsafe |async )*(void|Task) {Regex.Escape(parts[1])}\(");
        return files.Any(f => method.IsMatch(File.ReadAllText(f)));
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "VhostSwitch.slnx")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("the tests do not run inside the repository");
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^(?:DPDK |SPDK )?(CVE-\d+-\d+|[0-9a-f]{10}|3879):")]
    private static partial Regex Flaw();
}
