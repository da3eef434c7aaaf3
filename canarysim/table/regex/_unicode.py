r"""The Unicode tables that RE2 has, packed; loaded when a pattern asks for more of them than Latin-1 knows.

Facts
1. Both Envoys have RE2's tables of Unicode 15.1 (_names.py), Python has those of its own version: hence ours,
   taken from google-re2's answers on every code point (tests/test_regex_unicode.py takes them anew).
2. A letter of two characters is a part of the one-letter category, and nothing else is: C is Cc, Cf, Co and Cs.
   No code point has two categories or two scripts; what is unassigned has neither.
3. Letters that equal each other but for case make an orbit, of two to four. ``(?i)`` closes every set under them.

A table of runs is read as "so many code points, of this name", "-" where they have none. A row of orbits is the
first code point, how far and how often the orbit is repeated, and what to add to the first for the others.
"""

from __future__ import annotations

from base64 import b85decode
from functools import cache
from typing import TYPE_CHECKING
from zlib import decompress

from canarysim.table.regex._charsets import union

if TYPE_CHECKING:
    from canarysim.table.regex._charsets import Ranges

__all__ = ["category", "orbits", "script"]


def category(name: str) -> Ranges:
    """The code points of a general category, or of all whose names begin with one letter."""
    named = _by_name(_CATEGORIES)
    return named[name] if len(name) == 2 else union(*(named[one] for one in named if one.startswith(name)))


def script(name: str) -> Ranges:
    return _by_name(_SCRIPTS)[name]


@cache
def orbits() -> tuple[tuple[int, ...], ...]:
    """Code points that equal each other but for case; sorted in themselves and by their first."""
    found: list[tuple[int, ...]] = []
    for row in _unpacked(_ORBITS).split(","):
        first, step, count, *others = map(int, row.split())
        starts = range(first, first + step * count, step)
        found += [(start, *(start + other for other in others)) for start in starts]
    return tuple(found)


@cache
def _by_name(packed: str) -> dict[str, Ranges]:
    found: dict[str, list[tuple[int, int]]] = {}
    words = iter(_unpacked(packed).split())
    start = 0
    for length, name in zip(words, words, strict=True):
        end = start + int(length)
        found.setdefault(name, []).append((start, end - 1))
        start = end
    del found["-"]
    return {name: tuple(ranges) for name, ranges in found.items()}


def _unpacked(packed: str) -> str:
    return decompress(b85decode(packed)).decode()


_CATEGORIES = (
    "c-rk;%WmAb68)9_0Rdw1C9SjdG#cn#wzdNd(w)9QlK;PAy(y_3I~m-`o$<z~79~E4#d;n(!r{Z?Asjw_J;cN5wovCsp-x}hpXc@m"
    "8?Hi~o(_Q2csMc{TQgEn4iDe;>zj0O{@kcXqS`wbd58LaCMrgq4}P86e3q7*&f>HDe86XaN)I1CNrSzDb2{p?WlV6r9Icm6%L0x("
    "21HuG@^NhxB%18<dm;*(-zlTuH}CH^rr=&{yw_^aqVg);YhCpMZ<!0cIPTuJ^2N<9A?eTM&$s@wmw*1&f&?#4Jicp&*HCpwI#*kk"
    "-qK&0RR96|4vWUVHY2j=duU`pIybViQMjskSSWh9y!*$Od&AiKI_-g;N49D#?`e4s?o~9CNDcC6@Mo^dvl$Oh?q$u6^WU&hdHoDc"
    "?snfYE&Tt^PA=X;Zd<<W`}6zpe4T-MH|Fn@qlQDAXuDY(7WChP(}@^2pibmKqkWY!>Dr|+Fm*e?4u!2#`@S{>-?S_G7Ua^mu1X66"
    "EE2&XC?>%XgX;=kYzi6JJ-N1Mru9Z|VPuo&+Xo(do;h0JxS>*i5_l9+AP-lW^SMouo=L0}X~G)6B<gICZe*x9vJJz}hr>ie^9tz8"
    "LHfi_XB`~}<`51iGf<y^>;U2&^>d}q*mwz*Wz>*mdXU>^Q5$sHIGNnuU_Wm$cZI07(aWMrn|}K+1!XlPWnE-u{qcCnN!O3RZMCue"
    "q)xN}h|+x^j!}!ora{>dvUbj2wrSxf1MLtJAak!m@B~!YhV{IXa0UBS!rq$bn@4sCxZmjJJ7_3P;_<j}jlxzvC?<I}n(}ENo~Iuy"
    "1@;NIrh%3O#OlH3hg%=z#VYJj235BPeA9N4He)^Ex#L6l!G!Z2-e;M1-#Iub;R%Lp%k6j`R8>@Yw@9x)AucaX*-P~g1gCau`k~-h"
    "N`wSwT#d^D5<S0@Jb`W}brI1MQHTI0Y28tbB0RwezX3%~fmdB^vc*aHnUo3XK<#7N%8F8<?23kJia`|HK>T)$RaWv0;f{n<(RkGz"
    "%9S!X-CmyM_$sl;GUs0KK+j~AUuEYMuOvcWXuW_P=H=)1@TH)AtTbEL-&dabnPegANXVl-5uKHJ#pKPeGE6FUs$1qxG(irUDxxHF"
    "irtZ=)5>fTwKTZBLVl#l?V{Kb6i(8>Vyz~x$28$tcTY~%JxQB35ds-+Rz8CNl0(cv{0qMVI<sJA>3mZwEjdzrh|H&xMdC0z*%j|("
    "L%EDEQ$Uti#6`_aNM^QsUoCr21wYXZk%9QcvnQB2&wF!>O(H=mgt(bPnIxOU(mK)UEc!7UGSLYp+Opw~B&#$?>`yiGa3%5WCo3=0"
    "an0kJy4XGo0lb`xb4KuIgt=42u<<&&rnG$&<6AliDq*>98cWqq(bdK69O*2Jl3kX4COtkCSy{0J$l|~k7*#FMYI&rOUoq$Js|u~("
    "%5Eh}?eRi_R-G=84WHYy*{P^M*t4JYWop2w#H}XQ#teNgl?+VpRkHoD?K<^-Sf|)T#}I3ZhB}FsWif)r745y4RlnpY%g#Et=zU>!"
    "vFpgYuzVeCiDK(Ojb?A1i|R+#ZDQJ0p>edKN(dz*shuxszS**{R75(oUfFxAj|1em<M`B-vhJ8a*{K`Nf#`T=RMkByq=1}edTwId"
    "Ry~XDCts@eQAY0Pkk_*jbHlE{NzTDc=S0+2?}Wxtmz~zSN_NAAg=rP}K=1$fZ*Wcn3s<4=LbwL*+ky0|s46)NZodmfhj@sVLo90d"
    "J8OZ3n8>YB7pnCa`(3n&m)^LAUOQ(Nsmq~6v~N+fsSzJ9YQODbdLi-pPQ6qAENXt|!M|yz(L+>^NqwkE+om7A)s>F!5Y|aZ(u+L%"
    "wo7H{x~nCBbFhinsCef!Y}BEA<3MdVQl|P<Lw}Hc+3kz#Wtdr9oW@KUL<O7>-sAL%{7C43V(UcjeQdpd{10`2UCn(5oZCGq+J#^!"
    "5&&&6FX)e)*qP;S(Jesg=(4Sa9HhQO&M@z_kjHu@D;?3z%=D04yJyXZJRi6+nJtZug+`&|na2jizRu;}J6~yAiZ+CMRPxV!Syt-%"
    "7wQzWW|Xx^nB3r)oR?nc8SyK(0KnIM@#m4#<p~`coG%V?zRIet!;Y#-#h{;9b67W*i2y$5+kPB8YA3aSXL4Q9OE}NO!O}vOnIEH6"
    "pRvZUNC^r<#Swu}N>kLXX4@cKC(bSe$Ha7Zu5YIz&Lt%Z$2;+i>yz<X3YQL<MC+$}`30)Pdt*lETOcEQiKAeGgiDC*;}7_mWO7gp"
    ")3jIZj;}0wrh8>l*8P+xcsHN_G8moL#Vfh$LZd8EAS=lerJ&SDxJU|$%yKT8TcP~oNs5RVvT+U3C6IoRh^`dp&GerFw_G>)pYsZ5"
    "O2y&sl|6sp6-psnL2zUb;7Qo%2Km~ouN02AaM+irrxwy;-h|b~MA{s^qd-ZMLRq!*t;gQV+=z?E%TK61c%xZ(QeWzsW-zyLldo+&"
    "5nzg$alCYs)bcv#1#bseYd~+$z58^SNBt~nOV*SxCjFD8?a=feCFerb`dGM}Kd1xIo(9v-=unJgH#O~@@hM17{KlGHo|C=KGY(N`"
    "m%=Ey#5U8Av<j9pacXFGzRRUFN8+K&8x~8vQ0{Rwm;Ilw)o$K-<&2cUFdnYI8`g=@8=7l9UZf7dxiG*OX66I&`PWB|@0RZus24!_"
    "@N@mWw5zwjZS(RD_1E;Ac1Igl;I1{X!)`7FU)L-X3vfA9rw@d(3^K&NZpZ2Kvwp&%HS~aiqE(%wXA~3rbcBocH}zGILZu@~T}Q=r"
    "g&y|Bs(a#GJ3BR8+wY1-3=^QbUbMV<Uv+?;ssQEsqoKh#TkyoSoK{Kk1)(cf#_^Th7x7EqwNbMx)GMgMN)COU*(?`TSG3x^Q_sm`"
    "U#zn7hE;^Ymr$kb?Qkt(KSSuN2cV@sFH1W7D9{$z5c}S&lwv7mb=4FspZhkWX+(EBt2BmnaZ6zYJ<P?#Duhbw0)>GfUUAl<+PH*`"
    "AHFV*#yB26G@r(BEF*DyqG?~aZt0Gt3Fd>OGvWq-5bmSC!bqD>V0WxW7Vbd3L-etV)`tn3SG9l$3I*aDW8{Y+L}hz<jJ;jM36N+1"
    "_?O50&=1ZfSWEH^y|4dLO2j7spCoBFIJg)PZo#uWI&=>w2!D%Pb(>LpevNtrQ`SQk75I4Pe1V6B0juMyyMG4)@#O@fCg8Aw-53Ot"
    "S_vkkh7Ovyf@}OGPzMIEbiT4MI}xaui`3}j=SVTlk%az6w*sRE3{i^WG}B5wC@v-<d{MPJo#LQCH9*W$qM-MI1C|*NxyEsmQkjv`"
    "eB%Irj&^9ZteXUJ7)blK1po&e-|_FIWe-(pD6pW&-IG|zyi1TWsi8Dm6|8oUg{rH&DFpMq=vx<g%VqFOMN~o%#S5TVg-KO?5oA*W"
    "q0o;mvzIADuA~hf(QtaPV;P2dVCZT>p(*+nv1e)83RTAAd%W>{ivnKc%n2UxgvwCTC}g*e;w7+Gvdp;XrPA0TQ?o!2(iWOBcgPz}"
    "$>5wTPX0uMyr~yeSt5_Dk0-_6fFWX%tgs4PCM)n0AAzD-DOR3k(ezUxIZ1JI$lR%IZKackTqHq?OcI`e_*oQTHJOt!CxWpYZz>TT"
    "h(hlQwBfUG2h{Dk8MYe0TroU*nb#%IAm;pujVdr=`N*-jCBN2wP2__vW{oU2=Od0!4(?#?&D{Had5se{$3`w9B*k?zZWlG9fbMI5"
    "y3t!Ksy>2(KMW|CoVO$x`N=_!Y;ZZOHr+|5J3C)heCy;dV?28IIP_N|)Z8++4By$^Ch(}175b$(u)9J`UO>2o4&fFo%hb4*eBdDr"
    "%N=9kSE1fcc00c@b>MC=i2WKDogDz|k->Zl<v}xqr#JQ&BEX?vZODh4hyQ@Z6(=8mp<Q!ZUe?`okr=qmIJx7;0#J<6{k4eQZrD;g"
    "xLY@q>7H1)C@u6ZH?_<zleoo}m7TjK=AcqAmGp*@>f{v;HLIRx?jCP0flJ~sWi?=Snmi^7H)mv@;XD4lbVzCNVi-(EZ@l`%L0^Xz"
    "?{7q`kmg+k7ZpZH2)EIX8|U3?F8&_Q>g3ZJ^(qBr`y@$fGct?dZ+5NXS2Bp?5XO6QkQtUH)`<0GvjC}d7fq@Isk6e|6Ns!gR#>uU"
    "@e0T%ADv1t9HVx+74{l;wFWtXrMp-Y{OyF=hs;wa?`7K`do(5pUsji4Rtq)D5^1?}kK_b(JXQi^_}ZlUD$6={hl{3+rqW-@K^I`+"
    "2;q_a^Po=HES@A#TutQ%K{ryIK(1qnxZTz61QKquijyWF++tQejkxkW;gY5jQQMYT*b_Z?-)Cd$+&2_;<3aVc%2As1dVzu6la=8#"
    "D6*>?RU9MG0tszTnWmM}fJos7jusSEow_?FIg^ME26exZM+<Hqlw0{id<DI%Q-UB(G1?-Z3gm1}b0qgxuPrd4PCm@RMNALqxvnqY"
    "1ijCR>*GC*BT0Q#CTPStI}z57&i=w^Lg%WYmQ6*~SCm{>;3Nn7fT>t$sulmjs1MOak?(mn1GV%$DfqwgrA@i=Ssc!zP;jYNEzmJ#"
    "zi35HRmw_$K6^mUQtVIBJ<%F_g~=XD`0s-^@V5~3iK4S6ht6>+Uh6)ryVsB~Ib7O0Y}|R1-6RK7i#wle7W!s-QW#p+|KbB#|7QWc"
    "`af*y|4T$B7bDQU7xp6>Ig*0cjDuyp?TSpurdbBoUm=X_h-k8XBoKjI%^=IDU+InFx-mDJjwqD>F{4DcrLu*M7!S$aVpWWGB`jiG"
    "6<u1mx+?`5G-SDJm5O;?l!vmHYU;fHbSEi9mO%YBj-Kh-F&V1wj5M#BLr*(;9UZr9m(}?HLbXX^mqoKnuBsg7)J<(`?87FzVOIio"
    "Zi-o8pqhO5oz*3m`-8oL*nXb2+4C3XY)PzY`M6D1n%el^04x%O{$@&o@oPS@U?oD<^kCLhol>!y*`!S(rJD<-O2mt>zGu?Zf}Es`"
    "6z(Bzf9C6_=g)@<lTN5=ZqTxXVb(sgl%Rs*6h$!nGs3~K3&&riQJyhyP^MP#S#q36$_br>t|lqYr0N*kH7gNPmG=q75X}z^BZY)e"
    "DRmj?;#p22k6_uNTnnh-uBk>f@r7SX7!qbq?c@>HJV#A1r9fbd8bU4lPY`ehGkI%(>6(PvvE(sfwI}E09DiT~?SA|h&l-|f"
)

_SCRIPTS = (
    "c-p;MTaVke68<at0|CUVq{n1aWP6g`1l=@6&x^rbE0$_o+R9b}_t&2xhnJyjZ*z)+^B_RqaCjS%b0f7XZpQt7915<B59Zhpg+8Om"
    "Dv+3`Ftwzlc0}L_6v37hDH~4`O`xf>hKe`i^SB?sjs-7ccZ?T54_!O;$97%F;@#A?Thf&$@Z!~ZA@c+Yh3s14SyL?Ier3m!fR0=e"
    ">OCL(r-JD~5~8>{P5o{MR61&=n^a(15q0r;+P6b*1~+n5=2#?X*_A48+sCQ>UetCxRX}!LIsoQ4p`v+oz4%$_GYX7+NfPH2eqOJP"
    "Bt|C3Ne^VoWqsae>R1*JAP<Am&}Be4cMoK20mSpUGiEThB22O=?zf|7wtrF=4`y$mXD>h4t%=~)urBV*ur@vR!6I^t%|e&THp$Y!"
    "p<)0UKy@xT-UL$3inr}I7~}@}g{2{~P_%@T)0S0u(+(T6>s_~XMBEJ`Lp)=xGQ=Vh?nKav%?pht&N^#FW}LXivQ}~kr(>S>^R`1?"
    "ogg+8p`S>`UFDGfD8v=bO4W-UlTnJiZiQ-uHnk{abd;rU><=@6Ds${j4i}|v$^=)7;vA|3-5kpo+ZGFMQmXv4Xff%lIv<HBK2H6~"
    "_|1s_xNFEiCrlOjr*uUsG*=o5omJ#tzR(T}BXSGCi_d1?@BD_tf8kn6bV=xxpOJrlfrqvuP-+OA9{QWkIO#ys&fMGrvTMVjdb^u9"
    "vzI*qJVRh>JVJS1t0e=da55Lz{OA&pSxHG-NF9mdy%`3xHoh^6cn+Zn3ROfn^y}@&h;Z})=?vwZ{JcZbC`TFJnVmVoxA)~aR_t#W"
    "G{F)VBN5!5)@Lm|^g{;_1yV=o_L$5{o18Zy?hY5Nn99%rxLglUZa^C4LmMT7b3RCIjco6orC_5xQQ%5^Fr)7!{Hgc{(>X78z9E`w"
    "b)mRQv@$YcJHpKywr>B}1}iRfgm#qRN?s{t=mSt#k*d+(3?w%_27buh$qe8(SO@K0J5HP6fw2Tt4&8_a<qj?{;ZfkFnPD^Uib@ne"
    "9lL&f_Wp%T5EnWtWiK+zmy5;!uqzN|R;;QQ*>$xT3Qt(zL5bMz%o;)v@Rr7H+hY9%ln@SpqqGKLu3kTmQ@`m4v$M|E$4v)k&9+&o"
    ";+J`F9mLSVQz|r8pTX1GjT<;=sEZMSB8Ih@hjC1<S%Yr>o4M=PQF}mzM>Bj6$|ZxGK&Re7Gj;oRih9Wby#&0t8;8xf!;KUJlSE7h"
    "u_RO{vW5^U+=Pi>H)(ZQXy~-S8SM9u-l%X7<Qee)f))rc4W?gxX#KJFz{MX@7WeJ<l_Sk98gZSGG&<arga$XG@E|^Lgl8CcduW5x"
    "8lV=g=g*zjwXhi?=GaNZUhp}VIlrLci?lnS0@oTGTi2WOrU`cT02KHPVT2<n7@9ent@EFy|A%w`p?!Ypyxvw6i2xwZ`M6u%bp5t3"
    "NSs(L6pMFU1FT8kwJRb4N8CymsZ|zG$6c3*`VvtjwRxdUg;8yY=woOdW)tIo6=U)RFUcZA5tNaJOqzyOR;yyM^{QhQK$Cx~#xEAs"
    "S7QBZ|ALXqD$5io3gm_UTtP!eMG6|q#4m}sCb<~5s~33~evwM^HLsFz1=@vBq!4DIs*~CxM?%(qkur*-IL{bGie$0(Xd6L1I<=~@"
    "IdCT!UZ-MRyqOH_2{`qHjE03yvy8KDK>9mlwV_SXh%j!(bV%Dc6&b*PXYZBuG`@m1-E_gh4v?YRjF=N6+?-q8{~NS|3dgFEBqQS#"
    "^sS#Z7!~*HR4q)!0<JMyiE_TBb_pR*a(6g8ror{8)9T++H;kbJaNAE{k%tf+(gtFdD)Pks8|(9fs>O<tG13%j(U@3dXq^3!d`OjY"
    "UXf2|;zbaL7`S8Gg3)%gB<asE<>U=ksa_=3H6iLKAFUcEG}0t58&88Btcu?;aiQFw-Bw^jKJ*7`o6F)0`0Lync{l@c&7rF|W<T%I"
    "RwUV%e0er?(#)^oc@J)T_z$^TE>Y|Gw6Q84PP_5gukOue^2wDlWg^|l`P7-sVfD$lk${GOF!N*%-El$+>^(x!xOHis%r3ymbgK_N"
    "-Gz|`3-?R=2Z%o`oJYI~i{hNcy7-s*W}+#lNzPb+DToMRSwnc>ld?C~cW6)oH_`7X)4wOf3_?xtjIG!4rEiZYJVh{gaBX{R`_-K}"
    "S({KgE0TNGSK;4l7kQSbZx;4dMw>zubzLTJ9HgHO(N8#|p@+w+c<@o3hyZPyGOk7~l~d#zwGcLl|DyIGq8lRj>204ES6*}Z<hLs%"
    "fKkA&0vLNtpQqfp+jTl7#iKOpGLfLam<@K(V*oC2Wtucbv*PqHuv|^Xvnq1i-B2Xy$|#ztW<t@?F<MLTAGq{k^bnjYE2%DNT1HP*"
    "jB@#lKx8M8j<X^octtOUeE2c6W?H?$Wz;zaG3DipVwEuWIxAp-agRt8=LJzoOO<Skb=ra_ow;v<^28%mW!1Ag5>aB@^5OJkx3s{6"
    "aRX}3c;_s;XsPIkK+k>Ltye!E&CVZwK?%V8ZiK`C6fB@E`_xW*Pl2v~wfgiJ!~Y0<%fNi-eWnGZm615Ag}0y<Cs15qeI7dV&CQ`K"
    "J|6aFIK`A)fZ7lGU^Z=>K?D%t|FnBF2N&7AveDFynV-zT1+P$mcVS*tUo833AG_`RXCIb3!&MIXg8LuW)-GkuSlBwRF?GNbc00LF"
    "m}AZ^nNmq@Y*5I$!7Rw>dFsbwIM5#XK$}7yk;qu{iZHI9_s_7M%x(p$VjnKRnsYK}j8A5_KTYl6EZ@C(gu~zZ<!K0(HJ-j(0|t8t"
    "Di(o4wTu8f_fOpj+B<G`MhW&npVrCa_CQP2Uw2@E?DkyU_VBmaou0dc6=tO0%&<AXd8=KX)15umm-ydzW*WiYh&M}wpxo*$IK)|%"
    "hEn*FMTWdjq+n8gL4aA>Q}!^<$8P0RxfufSew=cmOMl+M?tkiV8Bj+OO5<(RxAt)K0<R*nTVXgnO+AD^;{Xf)$v_7oz^Shl!a6TY"
    "x*eQ+FQ?083>N-icE@&#B)n%^QW@qYm*m<Wp$b*l=Xu&%6{av@Z%McFu<<HWT%uO)DCIOzH(-MxNL&3fcKxt9dFS(-%o}-jDGW#U"
    "_x7)T9d?5U7`S*)DSwaeYC(Uvw3~JB&k!^cAorICmgU#erkf}9eQd1Tjo=IK9ao8N)K9yUJE9Hxu@D(|`#xw?k1)mQfwr+ne+(Cv"
    "EFgb>`v5(_$Up;tn_T&O0!q`E^8i<NyN@>+9@SwZb_U#R>=@z>Fb7k-7E0F+%vXNjjel%WdNwdZq;d7{=H1b@gu0$0nU|>?CSHwi"
    "1m1V^+I%-_+??+G1%mdkMa*#Q!c9p)xQZF#8EciHyi8??TJPqC4n&4nL^?w%>zijt<b4ab3@)b{#^rvU!{IJfrfxpQJs%*`8g<4)"
    "zh1|@XdR(*l(bDe+pX{YX9u*uU`vVX#$PF!?bN6Is|8BpBbL|QxDS^L?qA~mcK@ta_%h_}xS8xluQQ{f_zm{euvy*oN3SkeMyiUp"
    "pwkbl*V}mtSDZ^qol$TNmlP1x%S_%SrKAQYNl6tN|9dm6`}q9BnV}`gro<_!!iD-bc-xQWFYp{5{+!K(sa_Dn!+09^k0WY4o58q{"
    "=vSag%?xrGR<~vjC!4-Rks4oxbf(`P=5Qd@f&k7RA$XTHQG~b8W_s${Asm<heFFhjXoc>;(E~?g^==&2!RVgTq+Ae%f4cJ{m74|4"
    "Z}pt0{Tr3x5716ogXc6+{UGDA!74o6phSU!1RVwu6$~l7EqQOg`^hu>7ib6Ef35wU%wfjxz&?z^Ck2AMFK9siH}lZ;U&m?hQammo"
    "r!<VN62=Hh6B5_L?T*HIkK^jDAI4x}p)qjRHzzRku;r*jCQFRmV2i#U%+cwBjG@-T=_=47n2$mSy11L-J+S@7)QkPA?6uCYIm9;w"
    "9%($KZ_MFfR$ol#!_0);K;Qs^7h%44t6K=1Hr@a(iRg7KNu1?0g??^E)3tMlVf^j7{c8I4WF7gE;eF&?Z*VGb6y3jHWcROqrr3tU"
    ")``EL58Yh&Bp=u+`*v;hus6Hi>cKfxxJsVEX<}xtys^GZmFPM^S(O)?kp9_-uha<TUs1$p--;rGJco>A0qQDcWJ%7|N3JQMi_vM8"
    ";3dttxsWlSOQC~6M2SZiRQvqA8&4rX5D8;U9%0aQ0b?dE!jwX(oK=xJOT#!DMD6w~e`|nw8+UA_&Jq>rO{?34Bo9r3{TRL1mvY<m"
    "PEM35&?lF2`Ta;0U!|h=m>$etfawmYL9G+-2c6%Z<(sN3bHuY83<X(9mdt1QrOf37j}?@<nAt)beXSC&FIHkSUzBxwmShsL%;wQ#"
    "Gf^o;r@%w+H^Xl>En;;7Mza~ozcr;KR{DS;<k?cV&lwJe+)Oe5q%cwVB^JIUC`wR%*Tn>4NCJc>$8HmVVZT51W(zL;>eFnVy1DgQ"
    "OrVjzQtI<KS4vS+Uu&5A#|EFr<7nsUe8S(%@YIby%=bV#bqMO|-fUKP_GTL#luBNBs3LR77tdH04^>zL>b4!$?dpBMHQU*HTY5p1"
    "ZlCGm^*TQ8Dhc5Jze2AxZo$f}Zrb4usxtb1xVre7n9+<er@&h|8f{*zlmShFyvlY4#6KC_KLFR8&L&q~o%Rbd$YjN06KXj<b%l@9"
    "@p0#|%Ph-oV-KoKS)P~9wN8dap3i1gY*%TF_|q+FGLGr(#&RSn?@aYC`U2@r-*MLY6sjyWohPc(1%s=pvMY-0CWvJZ2l6tdlYLv>"
    "`Xz;1qt|xHj8t{5o0(73Q(244S$H(!mn=q|wQ(lH3^19Q36)a*RW>75x-eSuikEm#g^%$R-fO#+<viYIsY(-{t&){Mgi71<NgsK8"
    "PE|UwH3F~Gos-7=1#rb!rE?1xE_;LET<!=YNxY9nJ0tKPT<4pg"
)

_ORBITS = (
    "c-l=?*{#Gd2yA5wcpt``?!U1I19762R*X4~Ib!;wAFUtnzn_Cn@)tsy*b+Hd!4HeqN+_2@L14M?&poy1?1b9P<JaUqQU_57t-9%T"
    "uy=cKE6-ay6xvk4e*3r6<zIR)nn4mL86bI;L?63f351!yqXpXJrd0qYA#_%sFDuZO!FdIgLaUUIzUR?_o}$m_<_%;$hPc2rB#Y-<"
    "3&;R3&{hv<oA99GBXtVIHAU@$tX$CkXwWzzaOU2;3Ox6g0yllKAN44}*T>fH`Rkk4=bYc`@#Kl>7OYQRg(o*ucaZgyIhVehX1YZy"
    "80aT3dfrn!k~|=%f*_*nno$%2K}N+MarMd2@_Kaj8>hNlPMJcnr-c;+LBE30ChQbF#f|g2nL_03$5wDbzHk-1o+3TjJbC80Qeo>{"
    "n2v28E}x@xEuXG#nA{Zw&tpo`k?r;9Rx#N;RdLHQ`vZ5rg~`6cfPNiSRQ80iEpKH0Sl$}d?k!vmlqKUk(tgBx9yh|CbOl<5yV&CC"
    "6Ux^;s{`ODS|G(<bQhInK^|1}{#8MrDQMrUg`Sa9v^-<P0Q>ElbtlXzpA;`^vXw0L-@(bg<EVr;<3cTLAH}$e72`fvEAM!w_IYCC"
    "{VMW}Q|hApiIZ=fuJu}nKaq;e&8tGr%;8E~pxlvjTGRawItT1;&Ns9T(b1B1?Izf7;_5DW@}@PxC$GvlDc@(<`e6&SRX@hnKkPn<"
    "?@9f^sGfISEVEaJ4JZCC44OwH(9>qw2hj&ehc?&h?Y0B-D#@P$)Cw2|my}?v5aT5?@q*c=*2s62qU<c*8YBZ5C7bEWjfasZr%M=6"
    "JL}mJoXwE(N|3jDHs|Si)}7a_f3Ni_vtX5b-O3bJ)NFQrGNZY;YWt$!I&^oR3+8wMtO;2)n;_&Pc(?=uVI18zq+{`(V=;n`g|%f("
    "BXQC+>Uw0PYt^NImV%&zqD!R4=mP2{q75x=t$emZwuT2i`$T|&JM_8H2T^xc)B3~isyRd=FJsI$txtmldFQs|WmYz#Qkib45fwUO"
    "R1FES%xOiK&Jm(?u@G@O^69t)=NW|w@-6s+gDtTd$@$3D%3?Ito<)lamH`eyZ)9ER!*hJD3@a99)-3CAz8g0|JS!@}sit~3=UwFc"
    "%$G`c!GS$m!<*@Lb~DjFF+8Q$*U5a?3)1mvlzYeS)-`3!@yse?>nPr<J_l;snWI|sui;GIJUM`vWi{#=>U=LYvaSN4XhYgt#VMf4"
    "clO!`(pEwP<g{k_2L*BN#{"
)
